"""All cases, by subject."""

from conformance.cases import (
    access,
    applies,
    basics,
    definitions,
    deletions,
    discovery,
    http,
    kinds,
    lists,
    metadata,
    patches,
    schemas,
    subresources,
    watches,
)

ALL = (
    *basics.CASES,
    *metadata.CASES,
    *lists.CASES,
    *watches.CASES,
    *patches.CASES,
    *applies.CASES,
    *subresources.CASES,
    *deletions.CASES,
    *schemas.CASES,
    *definitions.CASES,
    *http.CASES,
    *access.CASES,
    *discovery.CASES,
    *kinds.CASES,
)
