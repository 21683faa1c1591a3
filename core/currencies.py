"""Currencies as people read them, and US dollars converted into one: every cost is stored in dollars. Pure."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal, localcontext
from typing import Final

USD: Final = "USD"

# ISO 4217: what countries pay with. Not in it: metals, funds and units of account.
_LIST: Final = """
AED UAE dirham|AFN Afghan afghani|ALL Albanian lek|AMD Armenian dram|AOA Angolan kwanza|ARS Argentine peso
AUD Australian dollar|AWG Aruban florin|AZN Azerbaijani manat|BAM Bosnian convertible mark|BBD Barbados dollar
BDT Bangladeshi taka|BHD Bahraini dinar|BIF Burundian franc|BMD Bermudian dollar|BND Brunei dollar
BOB Bolivian boliviano|BRL Brazilian real|BSD Bahamian dollar|BTN Bhutanese ngultrum|BWP Botswana pula
BYN Belarusian rouble|BZD Belize dollar|CAD Canadian dollar|CDF Congolese franc|CHF Swiss franc|CLP Chilean peso
CNY Chinese yuan|COP Colombian peso|CRC Costa Rican colón|CUP Cuban peso|CVE Cape Verdean escudo|CZK Czech koruna
DJF Djiboutian franc|DKK Danish krone|DOP Dominican peso|DZD Algerian dinar|EGP Egyptian pound|ERN Eritrean nakfa
ETB Ethiopian birr|EUR Euro|FJD Fiji dollar|FKP Falkland Islands pound|GBP Pound sterling|GEL Georgian lari
GHS Ghanaian cedi|GIP Gibraltar pound|GMD Gambian dalasi|GNF Guinean franc|GTQ Guatemalan quetzal
GYD Guyanese dollar|HKD Hong Kong dollar|HNL Honduran lempira|HTG Haitian gourde|HUF Hungarian forint
IDR Indonesian rupiah|ILS Israeli new shekel|INR Indian rupee|IQD Iraqi dinar|IRR Iranian rial|ISK Icelandic króna
JMD Jamaican dollar|JOD Jordanian dinar|JPY Japanese yen|KES Kenyan shilling|KGS Kyrgyz som|KHR Cambodian riel
KMF Comorian franc|KPW North Korean won|KRW South Korean won|KWD Kuwaiti dinar|KYD Cayman Islands dollar
KZT Kazakh tenge|LAK Lao kip|LBP Lebanese pound|LKR Sri Lankan rupee|LRD Liberian dollar|LSL Lesotho loti
LYD Libyan dinar|MAD Moroccan dirham|MDL Moldovan leu|MGA Malagasy ariary|MKD Macedonian denar|MMK Myanmar kyat
MNT Mongolian tögrög|MOP Macanese pataca|MRU Mauritanian ouguiya|MUR Mauritian rupee|MVR Maldivian rufiyaa
MWK Malawian kwacha|MXN Mexican peso|MYR Malaysian ringgit|MZN Mozambican metical|NAD Namibian dollar
NGN Nigerian naira|NIO Nicaraguan córdoba|NOK Norwegian krone|NPR Nepalese rupee|NZD New Zealand dollar
OMR Omani rial|PAB Panamanian balboa|PEN Peruvian sol|PGK Papua New Guinean kina|PHP Philippine peso
PKR Pakistani rupee|PLN Polish złoty|PYG Paraguayan guaraní|QAR Qatari riyal|RON Romanian leu|RSD Serbian dinar
RUB Russian rouble|RWF Rwandan franc|SAR Saudi riyal|SBD Solomon Islands dollar|SCR Seychellois rupee
SDG Sudanese pound|SEK Swedish krona|SGD Singapore dollar|SHP Saint Helena pound|SLE Sierra Leonean leone
SOS Somali shilling|SRD Surinamese dollar|SSP South Sudanese pound|STN São Tomé dobra|SVC Salvadoran colón
SYP Syrian pound|SZL Swazi lilangeni|THB Thai baht|TJS Tajik somoni|TMT Turkmen manat|TND Tunisian dinar
TOP Tongan paʻanga|TRY Turkish lira|TTD Trinidad and Tobago dollar|TWD New Taiwan dollar|TZS Tanzanian shilling
UAH Ukrainian hryvnia|UGX Ugandan shilling|USD US dollar|UYU Uruguayan peso|UZS Uzbek som|VES Venezuelan bolívar
VND Vietnamese đồng|VUV Vanuatu vatu|WST Samoan tālā|XAF CFA franc (Central Africa)|XCD East Caribbean dollar
XCG Caribbean guilder|XOF CFA franc (West Africa)|XPF CFP franc|YER Yemeni rial|ZAR South African rand
ZMW Zambian kwacha|ZWG Zimbabwe gold"""

NAMES: Final[dict[str, str]] = {
    code: name
    for code, _, name in (one.partition(" ") for line in _LIST.strip().splitlines() for one in line.split("|"))
}
# Signs that mean one currency only, or that nobody here reads as another one; the rest is shown by its code.
_SIGNS: Final = {
    "USD": "$", "EUR": "€", "GBP": "£", "JPY": "¥", "INR": "₹", "KRW": "₩", "ILS": "₪", "VND": "₫", "NGN": "₦",
    "PHP": "₱", "UAH": "₴", "TRY": "₺", "KZT": "₸", "GEL": "₾",
}  # fmt: skip
_WHOLE: Final = frozenset(
    ["BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "VND", "VUV", "XAF", "XOF", "XPF"]
)
_THOUSANDTHS: Final = frozenset(["BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"])
# Roughly how many of them a dollar is: good enough to see that somebody typed the inverse, and for nothing else.
_ROUGHLY: Final[dict[str, str]] = {
    "EUR": "0.9", "GBP": "0.78", "CHF": "0.87", "JPY": "150", "CNY": "7.1", "INR": "85", "KRW": "1370", "CAD": "1.37",
    "AUD": "1.52", "NZD": "1.68", "SEK": "10.2", "NOK": "10.6", "DKK": "6.8", "PLN": "3.9", "CZK": "22.5",
    "HUF": "360", "RON": "4.6", "TRY": "38", "ILS": "3.6", "ZAR": "18", "BRL": "5.5", "MXN": "18.5", "SGD": "1.33",
    "HKD": "7.8", "TWD": "31", "THB": "34", "IDR": "16000", "MYR": "4.4", "PHP": "57", "VND": "25500", "AED": "3.67",
    "SAR": "3.75", "NGN": "1550", "KES": "129", "EGP": "50", "UAH": "41", "KWD": "0.307", "BHD": "0.377",
    "OMR": "0.385", "JOD": "0.709",
}  # fmt: skip
_FAR: Final = Decimal(2)  # a rate moved further than this is worth a question
_DIGITS: Final = 50  # of what is computed here; costs have at most thirty


@dataclass(frozen=True, slots=True)
class Style:
    """How an amount of a currency is written: what stands before it, and its digits behind the point."""

    sign: str
    digits: int


DOLLARS: Final = Style("$", 2)


def style(code: str) -> Style:
    digits = 0 if code in _WHOLE else 3 if code in _THOUSANDTHS else 2
    return Style(_SIGNS.get(code, f"{code}\u00a0"), digits)


@dataclass(frozen=True, slots=True)
class Display:
    """What costs are shown in: one rate for a whole page, ``rate`` of ``code`` for a dollar, valid since a day.

    Without a rate for the currency that was ``wanted`` they stay dollars.
    """

    code: str = USD
    rate: Decimal = Decimal(1)
    since: date | None = None
    wanted: str = USD

    @property
    def is_converted(self) -> bool:
        return self.code != USD

    @property
    def style(self) -> Style:
        return style(self.code)

    @property
    def name(self) -> str:
        return NAMES[self.code] if self.is_converted else "US dollars"

    def of(self, usd: Decimal) -> Decimal:
        """So many dollars in the currency, exactly."""
        with localcontext(prec=_DIGITS):
            return usd * self.rate


IN_DOLLARS: Final = Display()


def doubt(code: str, rate: Decimal, *, before: Decimal | None) -> str | None:
    """A question about a rate that looks like a slip; ``before`` is the last one there was, which knows best."""
    expected = before or (Decimal(_ROUGHLY[code]) if code in _ROUGHLY else None)
    if expected is None:
        return None
    inverse = 1 / expected
    if _apart(rate, inverse) < min(_apart(rate, expected), _FAR):
        return (
            f"This looks like the inverse. You say that 1 {USD} is {plain(rate)} {code}; is it 1 {code} that is"
            f" {plain(rate)} {USD}? Then type {plain(1 / rate)}."
        )
    if _apart(rate, expected) > _FAR:
        known = f"it was {plain(before)}" if before else f"it is about {plain(expected)}"
        return f"1 {USD} = {plain(rate)} {code} is far from what we know: {known}."
    return None


def _apart(one: Decimal, other: Decimal) -> Decimal:
    """By which factor two rates differ; 1 when they are equal."""
    return max(one / other, other / one)


def exact(rate: Decimal) -> str:
    """A rate as it was typed, without zeros at its end and without exponent."""
    return f"{rate.normalize():f}"


def plain(rate: Decimal) -> str:
    """The same with at most six digits that matter: for what was computed of a rate."""
    with localcontext(prec=6):
        return exact(+rate)
