"""How static files are collected."""

from whitenoise.storage import CompressedManifestStaticFilesStorage


class StaticFiles(CompressedManifestStaticFilesStorage):  # type: ignore[misc] # it has no types
    """Names each file by its content, also where a script imports another one: a browser may keep each for ever."""

    support_js_module_import_aggregation = True
    # The name of a file follows from the names of those that it imports: each pass settles one more link of the chain.
    max_post_process_passes = 20
