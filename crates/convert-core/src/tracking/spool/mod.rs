//! Keeping on disk what could not be delivered.

#[cfg(not(feature = "spool"))]
mod absent;
#[cfg(feature = "spool")]
mod disk;
mod error;
#[cfg(feature = "spool")]
mod lock;
#[cfg(feature = "spool")]
mod recovery;
#[cfg(feature = "spool")]
mod segment;

#[cfg(not(feature = "spool"))]
pub(crate) use self::absent::Spool;
#[cfg(feature = "spool")]
pub(crate) use self::disk::Spool;
pub use self::error::SpoolError;
