"""An evaluation to be read: on a terminal, as Markdown, as JSON, and as a page."""
