import pytest
from django.http import QueryDict
from rest_framework import serializers

from core.parameters import Choice, OrganizationParameters, Parameters, Values


class Wanted(Parameters):
    ALIASES = {"colour": "color", "hue": "color"}

    color = Values(child=serializers.CharField(max_length=5), required=False, max_length=3)
    shape = Choice(("round", "square"), required=False)
    size = serializers.IntegerField(default=10, min_value=1)


def read(query):
    return Wanted.read(QueryDict(query))


def errors_of(query):
    with pytest.raises(serializers.ValidationError) as refused:
        read(query)
    return {field: [str(message) for message in messages] for field, messages in refused.value.detail.items()}


def test_defaults_are_there_and_what_was_not_asked_is_not():
    assert read("") == {"size": 10}


def test_values_are_lists_and_the_rest_is_not():
    assert read("color=red&size=3&shape=round") == {"color": ["red"], "size": 3, "shape": "round"}
    assert read("color=red&color=blue") == {"color": ["red", "blue"]} | {"size": 10}


@pytest.mark.parametrize("name", ["color", "colour", "hue"])
def test_every_name_means_the_field(name):
    assert read(f"{name}=red&{name}=blue")["color"] == ["red", "blue"]


def test_two_names_of_one_field_are_refused():
    assert errors_of("color=red&hue=blue") == {"hue": ["This is another name of color; give only one of them."]}


def test_all_that_is_wrong_is_said_at_once():
    assert errors_of("x=1&size=0&shape=SECRET&color=too-long&y=2") == {
        "x": ["There is no such parameter."],
        "y": ["There is no such parameter."],
        "size": ["Ensure this value is greater than or equal to 1."],
        "shape": ["Must be one of: round, square."],
        "color": ["Ensure this field has no more than 5 characters."],
    }


def test_an_error_of_several_values_is_said_once():
    assert errors_of("color=purple&color=yellow&color=red") == {
        "color": ["Ensure this field has no more than 5 characters."]
    }
    assert errors_of("color=a&color=b&color=c&color=d") == {"color": ["Ensure this field has no more than 3 elements."]}


def test_what_may_not_be_repeated_must_be_given_once():
    assert errors_of("size=1&size=2") == {"size": ["Give this once."]}
    assert errors_of("size=") == {"size": ["A valid integer is required."]}


def test_only_organization_endpoints_take_an_organization():
    assert OrganizationParameters.read(QueryDict("organization=acme")) == {"organization": "acme"}
    with pytest.raises(serializers.ValidationError):
        Parameters.read(QueryDict("organization=acme"))
