// Package config turns environment variables into a validated Config.
//
// Each exported field of Config is one variable. Its struct tags hold the
// variable's name, default, bounds and description; Load, Validate, Describe
// and the table in the operator's manual are derived from them. Any variable
// can also be read from the file that <NAME>_FILE names, which is the
// recommended way to pass a secret. Load reports all problems together, by
// variable.
//
// The package acts on no value. A Config is a plain value that may be copied;
// all functions may be called concurrently. DESIGN.md explains which part of
// envconfig is used.
package config
