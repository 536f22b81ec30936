"""The shapes of answers as OpenAPI has them."""

from collections import defaultdict

from api.app import ANSWERED
from api.openapi import schemas_of


def test_no_two_shapes_share_a_name():
    # OpenAPI knows shapes by name alone: of two with one name all who refer to either would be told the last.
    shapes = defaultdict(list)

    for model in ANSWERED:
        for name, shape in schemas_of(model).items():
            if shape not in shapes[name]:
                shapes[name].append(shape)

    assert [name for name, found in shapes.items() if len(found) > 1] == []
