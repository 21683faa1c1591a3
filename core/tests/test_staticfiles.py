"""Only the named files of npm packages are served, under names that never change meaning."""

from pathlib import Path

import brotli
import pytest

from core import staticfiles
from core.staticfiles import VENDOR, VendorFinder

ROOT = Path(__file__).resolve().parents[2]

pytestmark = pytest.mark.skipif(not (ROOT / "node_modules/echarts").is_dir(), reason="npm packages are not installed")


def test_every_vendor_file_exists() -> None:
    paths = [f"{folder}/{name}" for folder, (_, names) in VENDOR.items() for name in names]

    assert [path for path in paths if VendorFinder().find(path) is None] == []


def test_a_named_file_is_found_in_its_package() -> None:
    found = VendorFinder().find("vendor/echarts/echarts.common.min.js")

    assert found == str(ROOT / "node_modules/echarts/dist/echarts.common.min.js")


@pytest.mark.parametrize(
    "path",
    ["vendor/echarts/echarts.js", "vendor/echarts/../package.json", "vendor/other/x.js", "echarts.common.min.js", ""],
)
def test_other_files_of_a_package_are_not_served(path: str) -> None:
    assert VendorFinder().find(path) is None
    assert VendorFinder().find(path, find_all=True) == []


def test_collecting_lists_exactly_the_named_files() -> None:
    listed = {f"{storage.prefix}/{name}" for name, storage in VendorFinder().list([])}  # type: ignore[attr-defined]

    assert listed == {f"{folder}/{name}" for folder, (_, names) in VENDOR.items() for name in names}


def test_collecting_honours_ignore_patterns() -> None:
    listed = {name for name, _ in VendorFinder().list(["*.woff2"])}

    assert listed == {"echarts.common.min.js"}


def test_a_missing_package_is_not_found_rather_than_an_error(settings: pytest.FixtureRequest, tmp_path: Path) -> None:
    settings.BASE_DIR = tmp_path  # type: ignore[attr-defined]

    assert VendorFinder().find("vendor/echarts/echarts.common.min.js") is None


def test_modules_import_each_other_by_hashed_names() -> None:
    assert staticfiles.StaticStorage.support_js_module_import_aggregation is True


def test_what_is_collected_is_compressed_quickly_and_whole() -> None:
    content = b"import { tooltip } from './tooltip.js';\n" * 1_000

    compressor = staticfiles.StaticStorage().create_compressor(quiet=True)

    assert type(compressor) is staticfiles.QuickCompressor
    assert brotli.decompress(compressor.compress_brotli(content)) == content
    assert len(compressor.compress_brotli(content)) < len(content) / 100
