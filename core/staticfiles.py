"""Static files: exactly the files of npm packages that pages use, and hashed names that reach into ES modules."""

import fnmatch
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import brotli
from django.conf import settings
from django.contrib.staticfiles.finders import BaseFinder
from django.core.files.storage import FileSystemStorage
from whitenoise.compress import Compressor
from whitenoise.storage import CompressedManifestStaticFilesStorage

# URL folder below /static/ → folder below node_modules, names. A package's other files (64 MB of maps
# and builds) are never listed, so collecting and compressing them costs nothing.
VENDOR: dict[str, tuple[str, tuple[str, ...]]] = {
    "vendor/echarts": ("echarts/dist", ("echarts.common.min.js",)),
    "vendor/space-grotesk": (
        "@fontsource-variable/space-grotesk/files",
        ("space-grotesk-latin-wght-normal.woff2", "space-grotesk-latin-ext-wght-normal.woff2"),
    ),
    "vendor/space-mono": (
        "@fontsource/space-mono/files",
        ("space-mono-latin-400-normal.woff2",),
    ),
}


class VendorFinder(BaseFinder):
    """Finds the files named in ``VENDOR`` below ``node_modules``."""

    def check(self, **_: Any) -> list[Any]:
        return []

    def find(self, path: str, find_all: bool = False, **_: Any) -> Any:
        folder, _slash, name = path.rpartition("/")
        package, names = VENDOR.get(folder, ("", ()))
        file = _packages() / package / name
        found = [str(file)] if name in names and file.is_file() else []
        return found if find_all else (found[0] if found else None)

    def list(self, ignore_patterns: Iterable[str] | None) -> Iterator[tuple[str, FileSystemStorage]]:
        ignored = tuple(ignore_patterns or ())
        for prefix, (package, names) in VENDOR.items():
            storage = FileSystemStorage(location=_packages() / package)
            storage.prefix = prefix  # type: ignore[attr-defined]  # how collectstatic learns the target folder
            for name in names:
                if not any(fnmatch.fnmatch(name, pattern) for pattern in ignored):
                    yield name, storage


class QuickCompressor(Compressor):  # type: ignore[misc]  # whitenoise has no types
    """Brotli's highest level takes twenty seconds of a first start for what level 9 does in one, 8 % larger."""

    @staticmethod
    def compress_brotli(data: bytes) -> bytes:
        compressed: bytes = brotli.compress(data, quality=9)
        return compressed


class StaticStorage(CompressedManifestStaticFilesStorage):  # type: ignore[misc]  # whitenoise has no types
    """Hashed, compressed files whose ES modules import each other by hashed names too."""

    support_js_module_import_aggregation = True

    def create_compressor(self, **options: Any) -> Compressor:
        return QuickCompressor(**options)


def _packages() -> Path:
    return Path(settings.BASE_DIR) / "node_modules"
