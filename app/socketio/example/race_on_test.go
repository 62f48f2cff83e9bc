//go:build race

package main

// underRace is set with the race detector, which makes large transfers ten
// times slower.
const underRace = true
