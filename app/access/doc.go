// Package access decides who may do what: it reads the list of API keys,
// recognises a secret and knows what each role allows. How a secret travels
// (header, path, handshake) is up to the transport that asks.
//
// Secrets are kept as SHA-256 sums only and are compared in constant time.
// Everything here is safe for concurrent use.
package access
