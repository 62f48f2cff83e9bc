// Package simulate runs a plausible small plant and reports it to a server through
// the public HTTP API, so that there is something to look at.
//
// Plant is the simulation. It is pure: the same seed and the same steps give the
// same plant. Run creates the documents that describe it, fills in past days and
// then reports it live, with an operator who acknowledges some of the alarms.
package simulate
