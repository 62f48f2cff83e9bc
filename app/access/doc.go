// Package access authenticates and authorizes clients: it parses the list of API
// keys, finds the key of a secret and defines what each role allows. The
// transport extracts the secret from a header, a path or a handshake.
//
// Secrets are stored as SHA-256 sums only and compared in constant time. All
// functions and methods are safe for concurrent use.
package access
