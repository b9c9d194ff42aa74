"""The tests, in folders by question: README.md says which asks what."""
