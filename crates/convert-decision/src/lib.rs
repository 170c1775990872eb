//! Pure evaluation of Convert experiences, features and segments.
