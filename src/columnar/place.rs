//! Where a named column is: among the columns, or inside of a struct.

use crate::input::{Column, InputError};

/// A column with what is inside of it, where it is a struct.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// Its name.
    pub name: String,
    /// What is inside.
    pub children: Vec<Node>,
}

/// The way to a column: an index at each level.
pub type Place = Vec<usize>;

/// The column of this name; else the field of this path (`a.b`); else the column of this number, from 1.
///
/// # Errors
/// When there is none, or more than one of the name.
pub fn find(columns: &[Node], wanted: &str, column: Column) -> Result<Place, InputError> {
    let places: Vec<usize> = (0..columns.len()).filter(|&index| columns[index].name == wanted).collect();
    if let [first, second, ..] = places[..] {
        let numbers = (first + 1, second + 1);
        return Err(InputError::RepeatedColumn { column, wanted: wanted.to_owned(), numbers });
    }
    let number = || wanted.parse().ok().filter(|number| (1..=columns.len()).contains(number));
    places
        .first()
        .map(|&index| vec![index])
        .or_else(|| walk(columns, wanted))
        .or_else(|| number().map(|number| vec![number - 1]))
        .ok_or_else(|| InputError::MissingColumn { column, wanted: wanted.to_owned(), there: paths(columns) })
}

fn walk(columns: &[Node], path: &str) -> Option<Place> {
    for (index, node) in columns.iter().enumerate() {
        let Some(rest) = path.strip_prefix(node.name.as_str()) else { continue };
        if rest.is_empty() {
            return Some(vec![index]);
        }
        let Some(rest) = rest.strip_prefix('.') else { continue };
        if let Some(mut place) = walk(&node.children, rest) {
            place.insert(0, index);
            return Some(place);
        }
    }
    None
}

fn paths(columns: &[Node]) -> Vec<String> {
    let mut paths = Vec::new();
    for node in columns {
        if node.children.is_empty() {
            paths.push(node.name.clone());
        }
        paths.extend(self::paths(&node.children).into_iter().map(|rest| format!("{}.{rest}", node.name)));
    }
    paths
}

/// What the label and the added columns do to an input with these columns: the index of the label's column, where
/// that is there to be overwritten.
///
/// # Errors
/// When a column that is added is there already.
pub fn existing(
    columns: &[Node],
    label: &str,
    overwrite: bool,
    added: &[&'static str],
) -> Result<Option<usize>, InputError> {
    if let Some(column) = added.iter().find(|name| columns.iter().any(|node| node.name == **name)) {
        return Err(InputError::AddedColumnExists { column });
    }
    let existing = columns.iter().position(|node| node.name == label);
    if existing.is_some() && !overwrite {
        return Err(InputError::LabelColumnExists { label: label.to_owned() });
    }
    Ok(existing)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(name: &str, children: Vec<Node>) -> Node {
        Node { name: name.to_owned(), children }
    }

    #[test]
    fn columns_are_found_by_name_then_by_path_then_by_number() {
        let columns = [
            node("2", vec![]),
            node("log", vec![node("text", vec![]), node("a.b", vec![])]),
            node("log.text", vec![]),
            node("twice", vec![]),
            node("twice", vec![]),
        ];
        let place = |wanted| find(&columns, wanted, Column::Message).ok();
        assert_eq!(place("2"), Some(vec![0]));
        assert_eq!(place("3"), Some(vec![2]));
        assert_eq!(place("log.text"), Some(vec![2]));
        assert_eq!(place("log.a.b"), Some(vec![1, 1]));
        assert_eq!(place("log"), Some(vec![1]));
        assert_eq!(place("6"), None);
        assert!(matches!(
            find(&columns, "twice", Column::Source),
            Err(InputError::RepeatedColumn { numbers: (4, 5), .. })
        ));
        let Err(InputError::MissingColumn { there, .. }) = find(&columns, "x", Column::Source) else {
            panic!()
        };
        assert_eq!(there, ["2", "log.text", "log.a.b", "log.text", "twice", "twice"]);
    }
}
