//! Evaluation: the metric beside pycocotools, and truths in every format.

mod reference;
mod truth;
