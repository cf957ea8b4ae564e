"""The handlers of UCC's pages and of the add-on's own REST endpoints."""
