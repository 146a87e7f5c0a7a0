//! The labels of a run: names when something is read or written, small numbers in between.

use std::collections::HashMap;

/// The label of a record that no stage answered with enough confidence.
pub const UNCLASSIFIED: &str = "Unclassified";

/// A label as it is meant: without white space around it, and [`UNCLASSIFIED`] in whatever case.
pub fn canonical(label: &str) -> &str {
    let label = label.trim();
    if label.eq_ignore_ascii_case(UNCLASSIFIED) { UNCLASSIFIED } else { label }
}

/// Index of a label in [`Labels`].
pub type LabelId = u16;

/// Which labels pass.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum LabelFilter {
    /// Every one.
    #[default]
    All,
    /// These alone.
    Only(Vec<String>),
    /// All but these.
    Except(Vec<String>),
}

impl LabelFilter {
    /// Whether a label passes.
    pub fn passes(&self, label: &str) -> bool {
        match self {
            Self::All => true,
            Self::Only(labels) => labels.iter().any(|one| one == label),
            Self::Except(labels) => labels.iter().all(|one| one != label),
        }
    }

    /// Whether each of `labels` passes, by id.
    pub fn by_label(&self, labels: &Labels) -> Vec<bool> {
        labels.names().iter().map(|name| self.passes(name)).collect()
    }

    /// The labels that it names.
    pub fn labels(&self) -> &[String] {
        match self {
            Self::All => &[],
            Self::Only(labels) | Self::Except(labels) => labels,
        }
    }
}

/// The set of labels a run can give, [`UNCLASSIFIED`] always first.
#[derive(Debug, Clone)]
pub struct Labels {
    names: Vec<String>,
    ids: HashMap<String, LabelId>,
}

impl Labels {
    /// The id of [`UNCLASSIFIED`].
    pub const UNCLASSIFIED: LabelId = 0;

    /// Labels that a set can hold.
    pub const MOST: usize = 1 << 16;

    /// A set that holds [`UNCLASSIFIED`] alone.
    pub fn new() -> Self {
        let mut labels = Self { names: Vec::new(), ids: HashMap::new() };
        labels.intern(UNCLASSIFIED);
        labels
    }

    /// The id of `name`, added if it is new.
    ///
    /// # Panics
    /// When there are more than [`Labels::MOST`]: whoever adds labels checks their number first.
    pub fn intern(&mut self, name: &str) -> LabelId {
        if let Some(&id) = self.ids.get(name) {
            return id;
        }
        let id = LabelId::try_from(self.names.len()).expect("the number of labels is checked before");
        self.names.push(name.to_owned());
        self.ids.insert(name.to_owned(), id);
        id
    }

    /// The id of `name`, if the set has it.
    pub fn id(&self, name: &str) -> Option<LabelId> {
        self.ids.get(name).copied()
    }

    /// The name of `id`.
    pub fn name(&self, id: LabelId) -> &str {
        &self.names[usize::from(id)]
    }

    /// All names, in order of id.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// How many labels there are, [`UNCLASSIFIED`] included.
    #[allow(clippy::len_without_is_empty)] // never empty
    pub fn len(&self) -> usize {
        self.names.len()
    }
}

impl Default for Labels {
    fn default() -> Self {
        Self::new()
    }
}
