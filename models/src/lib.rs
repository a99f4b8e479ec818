//! Sample models of Dunlin and the pipelines that train them.
