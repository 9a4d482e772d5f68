//! A text's meaning as 384 small integers. Products and sums of integers are exact, so they do not
//! depend on the order, the threads or the processor.

/// How many numbers a vector has.
pub const DIMENSIONS: usize = 384;

/// A normalised vector times 127, rounded. All zeros stands for "no meaning": an empty text.
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Vector(pub Box<[i8]>);

impl Vector {
    /// The vector of an empty text.
    pub fn zero() -> Self {
        Self(vec![0; DIMENSIONS].into_boxed_slice())
    }

    /// Rounds a vector of any length to unit length times 127. Not finite or all zero gives zero.
    pub fn from_floats(values: &[f32]) -> Self {
        let square: f64 = values.iter().map(|v| f64::from(*v) * f64::from(*v)).sum();
        if !square.is_finite() || square <= 0.0 {
            return Self(vec![0; values.len()].into_boxed_slice());
        }
        let scale = 127.0 / square.sqrt();
        let round = |v: &f32| (f64::from(*v) * scale).round().clamp(-127.0, 127.0) as i8;
        Self(values.iter().map(round).collect())
    }

    /// The vector as bytes, for the store.
    pub fn to_bytes(&self) -> Vec<u8> {
        self.0.iter().map(|v| *v as u8).collect()
    }

    /// The inverse of `to_bytes`.
    pub fn from_bytes(bytes: &[u8]) -> Self {
        Self(bytes.iter().map(|b| *b as i8).collect())
    }

    /// Whether it is the vector of an empty text.
    pub fn is_zero(&self) -> bool {
        self.0.iter().all(|v| *v == 0)
    }
}

impl std::fmt::Debug for Vector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Vector({} numbers)", self.0.len())
    }
}

/// Which encoder made a vector, such as `minilm-l6-v2-int8/1`. Vectors of different models never meet.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ModelId(pub String);
