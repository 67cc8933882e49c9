//! Names for places on earth, without asking anybody: "Paris, France".
//!
//! The table is made of GeoNames (CC BY 4.0, <https://www.geonames.org>) by `scripts/places.py`.

use std::{collections::HashMap, sync::OnceLock};

/// A line a town: name, country, degrees north and east, people.
const TOWNS: &str = include_str!("places/towns.tsv");
/// A line a country: code and name in French.
const COUNTRIES: &str = include_str!("places/countries.tsv");

/// Farther from a town than this is nowhere.
const FAR_KM: f64 = 40.0;
/// One degree of a great circle.
const KM_A_DEGREE: f64 = 111.2;

struct Town {
    name: &'static str,
    country: &'static str,
    latitude: f64,
    longitude: f64,
    /// The square root of its people: cities are larger than villages, and meant from farther off.
    weight: f64,
}

/// Towns by the degree that they lie in.
struct Places {
    towns: HashMap<(i32, i32), Vec<Town>>,
    countries: HashMap<&'static str, &'static str>,
}

/// The town that a point belongs to, and its country in French; `None` where there is none within
/// 40 km. A large city counts from farther off than a village: the town with the least distance
/// for each square root of its people is taken.
pub fn address(latitude: f64, longitude: f64) -> Option<String> {
    static PLACES: OnceLock<Places> = OnceLock::new();
    let places = PLACES.get_or_init(Places::read);
    let town = places.nearest(latitude, longitude)?;
    Some(match places.countries.get(town.country) {
        Some(country) => format!("{}, {country}", town.name),
        None => town.name.to_owned(),
    })
}

impl Places {
    fn read() -> Self {
        let mut towns: HashMap<_, Vec<_>> = HashMap::new();
        for town in TOWNS.lines().filter_map(Town::of) {
            towns.entry(cell(town.latitude, town.longitude)).or_default().push(town);
        }
        let countries = COUNTRIES.lines().filter_map(|line| line.split_once('\t')).collect();
        Self { towns, countries }
    }

    fn nearest(&self, latitude: f64, longitude: f64) -> Option<&Town> {
        if !(latitude.is_finite() && longitude.is_finite() && latitude.abs() <= 90.0) {
            return None;
        }
        // Degrees of longitude get narrower towards the poles.
        let narrow = latitude.to_radians().cos().max(0.01);
        let east = (FAR_KM / (KM_A_DEGREE * narrow)).ceil().min(180.0) as i32;
        let (row, column) = cell(latitude, longitude);
        let cells = (row - 1..=row + 1).flat_map(|row| {
            (column - east..=column + east).map(move |column| (row, around(column)))
        });
        let near = cells.filter_map(|cell| self.towns.get(&cell)).flatten();
        let scored = near.filter_map(|town| {
            let distance = town.distance_km(latitude, longitude);
            (distance <= FAR_KM).then(|| (distance / town.weight, town))
        });
        scored.min_by(|one, other| one.0.total_cmp(&other.0)).map(|(_, town)| town)
    }
}

fn cell(latitude: f64, longitude: f64) -> (i32, i32) {
    (latitude.floor() as i32, around(longitude.floor() as i32))
}

/// East of the last degree comes the first.
fn around(column: i32) -> i32 {
    (column + 180).rem_euclid(360) - 180
}

impl Town {
    fn of(line: &'static str) -> Option<Self> {
        let mut fields = line.split('\t');
        let (name, country) = (fields.next()?, fields.next()?);
        let mut number = || fields.next()?.parse::<f64>().ok();
        let (latitude, longitude, people) = (number()?, number()?, number()?);
        Some(Self { name, country, latitude, longitude, weight: people.sqrt() })
    }

    /// On a flat map, which is good for some 40 km.
    fn distance_km(&self, latitude: f64, longitude: f64) -> f64 {
        let north = self.latitude - latitude;
        let east = (self.longitude - longitude + 540.0).rem_euclid(360.0) - 180.0;
        let narrow = ((self.latitude + latitude) / 2.0).to_radians().cos();
        north.hypot(east * narrow) * KM_A_DEGREE
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn well_known_places_are_in_their_cities() {
        for (latitude, longitude, place) in [
            (48.8584, 2.2945, "Paris, France"),
            (48.8049, 2.1204, "Versailles, France"),
            (40.6892, -74.0445, "New York City, États-Unis"),
            (51.5007, -0.1246, "London, Royaume-Uni"),
            (-33.8568, 151.2153, "Sydney, Australie"),
            (35.6586, 139.7454, "Tokyo, Japon"),
            (14.6937, -17.4441, "Dakar, Sénégal"),
            (46.2074, 6.1559, "Geneva, Suisse"),
        ] {
            assert_eq!(address(latitude, longitude).as_deref(), Some(place));
        }
    }

    #[test]
    fn the_sea_the_poles_and_what_is_no_place_have_no_name() {
        for (latitude, longitude) in
            [(45.0, -30.0), (90.0, 0.0), (-90.0, 17.0), (f64::NAN, 0.0), (0.0, f64::INFINITY)]
        {
            assert_eq!(address(latitude, longitude), None);
        }
    }

    #[test]
    fn the_last_degree_is_beside_the_first() {
        // Some kilometres west and east of the meridian of 180 degrees, on Taveuni in Fiji.
        let (west, east) = (address(-16.81, 179.98), address(-16.81, -179.99));

        assert_eq!(west, east);
    }

    #[test]
    fn every_line_is_a_town_of_a_country() {
        let places = Places::read();

        let towns: Vec<_> = places.towns.values().flatten().collect();
        assert_eq!(towns.len(), TOWNS.lines().count());
        assert!(towns.len() > 50_000);
        assert!(towns.iter().all(|town| places.countries.contains_key(town.country)));
        assert!(towns.iter().all(|town| town.weight >= 70.0));
    }
}
