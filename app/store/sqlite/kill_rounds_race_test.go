//go:build race

package sqlite_test

// killRounds is how many processes are killed on each file: few, as the race
// detector slows them down, and cannot look at a process that is killed.
const killRounds = 5
