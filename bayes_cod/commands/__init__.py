"""Commands of `bayes-cod`, one module each: they read options, call the package and print."""
