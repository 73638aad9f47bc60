"""A package, so that its one server ends when tests of another folder begin."""
