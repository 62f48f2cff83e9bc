// Package oee computes the figures of ISO 22400-2 from timelines: overall equipment
// effectiveness, its factors, its losses and what else follows from the same times
// and counts. All functions are pure.
//
// Figures are made from sums of times and pieces, never from other figures, so those
// of a line or a day are exact. Times are Unix milliseconds inside and seconds in
// the results.
package oee
