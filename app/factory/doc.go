// Package factory is the domain: machines, metrics and readings, the rules that
// they must satisfy, and the Store interface. It knows no transport and no
// database, and imports only the standard library and the Unicode tables of x/text.
//
// All types are plain values without shared state. Implementations of Store are
// safe for concurrent use.
package factory
