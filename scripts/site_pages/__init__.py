"""Pages of the documentation site, made from the documents of the repository."""
