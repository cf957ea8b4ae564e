"""What UCC's pages and the add-on's own REST endpoints call."""
