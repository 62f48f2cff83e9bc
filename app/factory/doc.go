// Package factory is the domain: machines, the readings they send and the
// rules those readings keep to. It knows no transport and no database; it
// declares the Store that both need, and uses the standard library only.
//
// Values are plain and safe to copy. Implementations of Store are safe for
// concurrent use; nothing else here has state.
package factory
