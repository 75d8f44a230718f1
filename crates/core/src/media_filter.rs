//! What a list of items may be asked for: filters, order and where to go on. Pure; `store::media_list` turns it into SQL.

use crate::error::Error;
use crate::id::{CollectionId, MediaId};
use crate::mime::{MediaType, MimeFilter};
use crate::time::Timestamp;

/// Which items. All conditions hold together.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct MediaFilter {
    /// Of this kind.
    pub media_type: Option<MediaType>,
    /// Of exactly this type, or of a family (`image/`).
    pub mime_type: Option<MimeFilter>,
    /// With this tag, whatever its case.
    pub tag: Option<String>,
    /// In this collection.
    pub collection_id: Option<CollectionId>,
    /// Marked, or not.
    pub favorite: Option<bool>,
    /// Rated at least so.
    pub rating_min: Option<i8>,
    /// With this id of the application's.
    pub external_id: Option<String>,
    /// With these properties, as text.
    pub properties: Vec<(String, String)>,
    /// Made after this.
    pub created_after: Option<Timestamp>,
    /// Made before this.
    pub created_before: Option<Timestamp>,
    /// Taken after this.
    pub taken_after: Option<Timestamp>,
    /// Taken before this.
    pub taken_before: Option<Timestamp>,
    /// At least so many bytes.
    pub min_size: Option<u64>,
    /// At most so many bytes.
    pub max_size: Option<u64>,
    /// Taken within this box.
    pub bounds: Option<Bounds>,
    /// In the trash instead of the library.
    pub trashed: bool,
}

/// A box on the map, degrees: west may be greater than east where it crosses the date line.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bounds {
    /// Left side.
    pub west: f64,
    /// Lower side.
    pub south: f64,
    /// Right side.
    pub east: f64,
    /// Upper side.
    pub north: f64,
}

impl Bounds {
    /// Reads `west,south,east,north` (the order of GeoJSON, RFC 7946 section 5).
    ///
    /// # Errors
    /// `validation_error` on `bbox`.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let bad = || Error::invalid("bbox", "Must be west,south,east,north in degrees");
        let sides: Vec<f64> =
            text.split(',').map(|side| side.trim().parse().map_err(|_| bad())).collect::<Result<_, _>>()?;
        let [west, south, east, north] = sides[..] else { return Err(bad()) };
        let sound = [west, east].iter().all(|x| (-180.0..=180.0).contains(x))
            && [south, north].iter().all(|y| (-90.0..=90.0).contains(y))
            && south <= north;
        if sound { Ok(Self { west, south, east, north }) } else { Err(bad()) }
    }
}

/// What an order sorts by; ties go by id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SortKey {
    /// When it was made: the id itself.
    CreatedAt,
    /// Wall-clock time when taken, else when made.
    TakenAt,
    /// Name, whatever its case.
    Filename,
    /// Bytes.
    Size,
    /// Stars; none sorts below -1.
    Rating,
}

/// An order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sort {
    /// By what.
    pub key: SortKey,
    /// Greatest first.
    pub descending: bool,
}

impl Default for Sort {
    /// Newest first.
    fn default() -> Self {
        Self { key: SortKey::CreatedAt, descending: true }
    }
}

impl Sort {
    /// Reads `created_at`, `-created_at` and the like.
    ///
    /// # Errors
    /// `validation_error` on `sort`.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let (name, descending) = text.strip_prefix('-').map_or((text, false), |name| (name, true));
        let key = match name {
            "created_at" => SortKey::CreatedAt,
            "taken_at" => SortKey::TakenAt,
            "filename" => SortKey::Filename,
            "size" => SortKey::Size,
            "rating" => SortKey::Rating,
            _ => {
                return Err(Error::invalid(
                    "sort",
                    "Must be one of created_at, taken_at, filename, size, rating, with - before it for descending",
                ));
            }
        };
        Ok(Self { key, descending })
    }

    /// The order as a request writes it.
    pub const fn as_str(self) -> &'static str {
        match (self.key, self.descending) {
            (SortKey::CreatedAt, false) => "created_at",
            (SortKey::CreatedAt, true) => "-created_at",
            (SortKey::TakenAt, false) => "taken_at",
            (SortKey::TakenAt, true) => "-taken_at",
            (SortKey::Filename, false) => "filename",
            (SortKey::Filename, true) => "-filename",
            (SortKey::Size, false) => "size",
            (SortKey::Size, true) => "-size",
            (SortKey::Rating, false) => "rating",
            (SortKey::Rating, true) => "-rating",
        }
    }
}

/// The last item of a page, as far as the next page needs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Its sort key.
    pub key: PlaceKey,
    /// Its id, which breaks ties.
    pub id: MediaId,
}

/// A sort key's value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PlaceKey {
    /// The id is the key.
    None,
    /// A number.
    Int(i64),
    /// A folded name.
    Text(String),
}

impl MediaFilter {
    /// Whether it is the plain library or trash, without a condition.
    pub fn is_plain(&self) -> bool {
        *self == Self { trashed: self.trashed, ..Self::default() }
    }

    /// The kept counter that knows how many live items match, if one does.
    pub fn facet(&self) -> Option<Facet> {
        if self.trashed {
            return None;
        }
        let only = |rest: Self| *self == rest;
        if let Some(media_type) = self.media_type {
            return only(Self { media_type: Some(media_type), ..Self::default() }).then_some(Facet::Type(media_type));
        }
        if let Some(MimeFilter::Exact(mime)) = &self.mime_type {
            return only(Self { mime_type: self.mime_type.clone(), ..Self::default() })
                .then(|| Facet::Mime(mime.clone()));
        }
        if let Some(tag) = &self.tag {
            return only(Self { tag: self.tag.clone(), ..Self::default() }).then(|| Facet::Tag(tag.clone()));
        }
        if self.favorite == Some(true) {
            return only(Self { favorite: Some(true), ..Self::default() }).then_some(Facet::Favorite);
        }
        None
    }

    /// Whether an index leads straight to the matches, so that the cost does not grow with the library:
    /// at most one condition, in its natural order.
    pub fn is_indexed(&self, sort: Sort) -> bool {
        let conditions = [
            self.media_type.is_some(),
            self.mime_type.is_some(),
            self.tag.is_some(),
            self.collection_id.is_some(),
            self.favorite.is_some(),
            self.rating_min.is_some(),
            self.external_id.is_some(),
            !self.properties.is_empty(),
            self.created_after.is_some() || self.created_before.is_some(),
            self.taken_after.is_some() || self.taken_before.is_some(),
            self.min_size.is_some() || self.max_size.is_some(),
            self.bounds.is_some(),
        ];
        match conditions.iter().filter(|set| **set).count() {
            0 => true,
            1 if self.external_id.is_some() => true,
            // Items of a family lie together only where it is all of one kind.
            1 if matches!(&self.mime_type, Some(family @ MimeFilter::Family(_)) if family.kind().is_none()) => false,
            1 if self.rating_min.is_some() => sort.key == SortKey::Rating,
            1 if self.taken_after.is_some() || self.taken_before.is_some() => sort.key == SortKey::TakenAt,
            1 if self.min_size.is_some() || self.max_size.is_some() => sort.key == SortKey::Size,
            1 => sort.key == SortKey::CreatedAt && self.bounds.is_none() && self.properties.len() <= 1,
            _ => false,
        }
    }
}

/// A counter that is kept as items come and go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Facet {
    /// Items marked.
    Favorite,
    /// Items of one exact type.
    Mime(String),
    /// Items with one tag, folded.
    Tag(String),
    /// Items of one kind.
    Type(MediaType),
}

impl Facet {
    /// The counter's name in the database.
    pub fn name(&self) -> String {
        match self {
            Self::Favorite => "favorite".to_owned(),
            Self::Mime(mime) => format!("mime:{mime}"),
            Self::Tag(tag) => format!("tag:{tag}"),
            Self::Type(media_type) => format!("type:{}", media_type.as_str()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_read_back() {
        for text in [
            "created_at",
            "-created_at",
            "taken_at",
            "-taken_at",
            "filename",
            "-filename",
            "size",
            "-size",
            "rating",
            "-rating",
        ] {
            assert_eq!(Sort::parse(text).unwrap().as_str(), text);
        }
        for bad in ["", "-", "id", "created_at,size", "--size", "(select 1)"] {
            assert!(Sort::parse(bad).is_err(), "{bad}");
        }
        assert_eq!(Sort::default().as_str(), "-created_at");
    }

    #[test]
    fn boxes() {
        assert_eq!(Bounds::parse("1,2,3,4").unwrap(), Bounds { west: 1.0, south: 2.0, east: 3.0, north: 4.0 });
        assert!(Bounds::parse("170,-10,-170,10").is_ok(), "across the date line");
        for bad in ["", "NaN,0,1,1", "0,0,1", "0,0,1,1,2", "0,5,1,4", "181,0,1,1", "0,0,inf,1", "a,b,c,d"] {
            assert!(Bounds::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn one_condition_has_a_counter_two_have_none() {
        let tagged = MediaFilter { tag: Some("lake".into()), ..MediaFilter::default() };
        assert_eq!(tagged.facet(), Some(Facet::Tag("lake".into())));
        assert_eq!(MediaFilter { favorite: Some(true), ..tagged.clone() }.facet(), None);
        assert_eq!(MediaFilter { trashed: true, ..tagged }.facet(), None);
        assert!(MediaFilter { trashed: true, ..MediaFilter::default() }.is_plain());
    }
}
