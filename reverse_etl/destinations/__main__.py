"""`python -m reverse_etl.destinations` prints docs/destinations/README.md."""

from reverse_etl.destinations.catalogue import catalogue
from reverse_etl.destinations.registry import DESTINATIONS

if __name__ == "__main__":
    print(catalogue(DESTINATIONS.values()), end="")
