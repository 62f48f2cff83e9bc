package cli

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"smart-factory-backend/app/config"
)

// defaultHealthTimeout bounds the request of healthcheck.
const defaultHealthTimeout = 2 * time.Second

func healthcheckCommand() command {
	return command{
		name:    "healthcheck",
		summary: "check the health of the server on this machine",
		details: `Requests /api/health from HOST and PORT, with a timeout of two seconds. Meant for
HEALTHCHECK in an image without a shell. Exit codes: 0 healthy, 1 not.`,
		run: func(ctx context.Context, _ []string, p process) error {
			cfg, err := p.loadVariables("HOST", "PORT", "TLS_CERT_FILE")
			if err != nil {
				return err
			}
			health, err := requestHealth(ctx, cfg, p.healthTimeout)
			if err != nil {
				return err
			}
			_, err = fmt.Fprintln(p.stdout, health)
			return err
		},
	}
}

// requestHealth returns the body of a response with status 200. Any other
// response is an error that contains its body.
func requestHealth(ctx context.Context, cfg config.Config, timeout time.Duration) (string, error) {
	if cfg.Port == 0 {
		return "", errors.New("PORT is 0, so the port is unknown")
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	scheme := "http"
	if cfg.TLS() {
		scheme = "https"
	}
	address := net.JoinHostPort(loopbackHost(cfg.Host), strconv.Itoa(cfg.Port))
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, scheme+"://"+address+"/api/health", nil)
	if err != nil {
		return "", err
	}
	// The server's certificate need not name this address. HTTP_PROXY is
	// ignored, since the request must not leave the machine.
	transport := &http.Transport{
		DisableKeepAlives: true,
		TLSClientConfig:   &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS12}, //nolint:gosec // see above
	}
	client := &http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	response, err := client.Do(request)
	if errors.Is(err, context.DeadlineExceeded) {
		return "", fmt.Errorf("%s did not respond within %v", address, timeout)
	}
	if err != nil {
		return "", errors.Unwrap(err)
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(response.Body, 4<<10))
	if err != nil {
		return "", fmt.Errorf("read the response of %s: %w", address, err)
	}
	health := strings.TrimSpace(string(body))
	if response.StatusCode != http.StatusOK {
		return "", fmt.Errorf("%s responded %s: %s", address, response.Status, health)
	}
	return health, nil
}

// loopbackHost returns the host to connect to, from the same machine, if the
// server listens on host.
func loopbackHost(host string) string {
	addr, err := netip.ParseAddr(host)
	switch {
	case host == "", err == nil && addr == netip.IPv4Unspecified():
		return "127.0.0.1"
	case err == nil && addr.IsUnspecified():
		return "::1"
	}
	return host
}
