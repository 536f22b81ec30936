"""The thin web side: parse, dispatch, show. Imports shared; never workers, never torch."""
