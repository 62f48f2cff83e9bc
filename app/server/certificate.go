package server

import (
	"crypto/tls"
	"fmt"
	"slices"
	"sync/atomic"
)

// certificate is the TLS certificate in use. A certificate that load has replaced
// is kept by existing connections.
type certificate struct {
	certFile, keyFile string
	current           atomic.Pointer[tls.Certificate]
}

// load reads the files and reports whether they hold another certificate than the
// one in use, which stays in use if load fails.
func (c *certificate) load() (replaced bool, err error) {
	pair, err := tls.LoadX509KeyPair(c.certFile, c.keyFile)
	if err != nil {
		return false, &sectionError{fmt.Errorf("TLS certificate: %w", err), "tls-certificate"}
	}
	before := c.current.Swap(&pair)
	return before == nil || !slices.EqualFunc(before.Certificate, pair.Certificate, slices.Equal[[]byte]), nil
}

// config returns a TLS configuration that follows the certificate.
func (c *certificate) config() *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS12,
		NextProtos: []string{"http/1.1"},
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
			return c.current.Load(), nil
		},
	}
}
