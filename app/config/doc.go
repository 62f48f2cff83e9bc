// Package config turns the environment into one checked Config.
//
// Every field of Config is one variable. Its struct tags are the only place
// where the variable's name, default, bounds and meaning stand; Load,
// Describe and the table in the manual all come from them. Any variable may
// also be read from a file named by <NAME>_FILE, which is how secrets should
// be handed over. All problems are reported together, each by its variable.
//
// The package leaves it to others to act on the values. Config is a plain
// value; Load reads the process's environment and may be called again, for
// instance to find the changed contents of a file.
package config
