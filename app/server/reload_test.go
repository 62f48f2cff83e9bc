package server

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"log/slog"
	"math/big"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// status sends a request and returns the status of the response.
func status(t *testing.T, method, url string, header ...string) int {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(""))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	return resp.StatusCode
}

func TestReloadAppliesWhatMayChange(t *testing.T) {
	s := testSettings(t, "API_KEYS=reader:read:first-secret-of-the-reader", "LOG_LEVEL=info")
	a, _ := launchWith(t, s)
	addr := a.supervisor.Addr().String()
	latest := "http://" + addr + "/api/v1/latest"
	s.set("API_KEYS", "reader:read:second-secret-of-the-reader")
	s.set("LOG_LEVEL", "debug")
	s.set("ALLOWED_ORIGINS", "https://hmi.example")
	result, err := controlHandler{a}.Reload(t.Context())
	if want := []string{"API_KEYS", "LOG_LEVEL", "ALLOWED_ORIGINS"}; err != nil || !slices.Equal(result.Changed, want) || result.Recycled != 1 {
		t.Errorf("Reload = %+v, %v, want %v changed and 1 worker recycled", result, err, want)
	}
	if got := status(t, "GET", latest, "Authorization", "Bearer first-secret-of-the-reader"); got != http.StatusUnauthorized {
		t.Errorf("the old key gets %d, want 401", got)
	}
	if got := status(t, "GET", latest, "Authorization", "Bearer second-secret-of-the-reader"); got != http.StatusOK {
		t.Errorf("the new key gets %d, want 200", got)
	}
	if got := a.options.Level.Level(); got != slog.LevelDebug {
		t.Errorf("the log level is %v, want debug", got)
	}
	if result, err := (controlHandler{a}).Reload(t.Context()); err != nil || len(result.Changed) != 0 {
		t.Errorf("a second Reload = %+v, %v, want nothing changed", result, err)
	}
}

func TestReloadWithABadValueChangesNothing(t *testing.T) {
	s := testSettings(t, "API_KEYS=reader:read:first-secret-of-the-reader", "LOG_LEVEL=info")
	a, _ := launchWith(t, s)
	addr := a.supervisor.Addr().String()
	s.set("LOG_LEVEL", "debug")
	s.set("API_KEYS", "reader:read:second-secret-of-the-reader")
	s.set("MAX_SERIES", "many")
	if _, err := (controlHandler{a}).Reload(t.Context()); err == nil || !strings.Contains(err.Error(), "MAX_SERIES") {
		t.Errorf("Reload = %v, want an error that names MAX_SERIES", err)
	}
	a.Reload(t.Context()) // as SIGHUP does: the error is logged
	if got := a.options.Level.Level(); got != slog.LevelInfo {
		t.Errorf("the log level is %v, want info as before", got)
	}
	if got := status(t, "GET", "http://"+addr+"/api/v1/latest", "Authorization", "Bearer first-secret-of-the-reader"); got != http.StatusOK {
		t.Errorf("the key gets %d, want 200 as before", got)
	}
}

// Each value that may change is checked before any of them is put into force.
func TestReloadChecksEveryValueThatMayChange(t *testing.T) {
	for name, bad := range map[string]string{
		"ALLOWED_ORIGINS": "https://*", "API_KEYS": "reader:read", "LOG_LEVEL": "loud", "TLS_CERT_FILE": "/no/such/certificate",
	} {
		t.Run(name, func(t *testing.T) {
			certFile, keyFile := filepath.Join(t.TempDir(), "c"), filepath.Join(t.TempDir(), "k")
			writeCertificate(t, certFile, keyFile, 1)
			s := testSettings(t, "API_KEYS=reader:read:first-secret-of-the-reader", "LOG_LEVEL=info", "ALLOWED_ORIGINS=https://a.example",
				"TLS_CERT_FILE="+certFile, "TLS_KEY_FILE="+keyFile)
			a, _ := launchWith(t, s)
			s.set("API_KEYS", "reader:read:second-secret-of-the-reader")
			s.set("LOG_LEVEL", "debug")
			s.set("ALLOWED_ORIGINS", "https://b.example")
			s.set(name, bad)
			if _, err := (controlHandler{a}).Reload(t.Context()); err == nil || !strings.Contains(err.Error(), name) {
				t.Errorf("Reload = %v, want an error that names %s", err, name)
			}
			_, oldKey := a.keys.Authenticate([]byte("first-secret-of-the-reader"))
			if level := a.options.Level.Level(); !oldKey || level != slog.LevelInfo || a.reloaded.AllowedOrigins[0] != "https://a.example" {
				t.Errorf("after the failed reload the old key works: %v, the level is %v, the origins are %v", oldKey, level, a.reloaded.AllowedOrigins)
			}
		})
	}
}

func TestReloadBeforeRunDoesNothing(t *testing.T) {
	a, log := newApp(t, testSettings(t))
	a.Reload(context.Background())
	if log.String() != "" {
		t.Errorf("it logs %s", log)
	}
}

// writeCertificate writes a self-signed certificate for 127.0.0.1.
func writeCertificate(t *testing.T, certFile, keyFile string, serial int64) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(serial), NotAfter: time.Now().Add(time.Hour), DNSNames: []string{"localhost"}}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for name, block := range map[string]*pem.Block{certFile: {Type: "CERTIFICATE", Bytes: cert}, keyFile: {Type: "PRIVATE KEY", Bytes: der}} {
		if err := os.WriteFile(name, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func TestReloadReplacesTheCertificate(t *testing.T) {
	dir := t.TempDir()
	certFile, keyFile := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	writeCertificate(t, certFile, keyFile, 1)
	s := testSettings(t, "TLS_CERT_FILE="+certFile, "TLS_KEY_FILE="+keyFile, "LOG_LEVEL=info")
	a, _ := launchWith(t, s)
	addr := a.supervisor.Addr().String()
	serial := func() int64 {
		conn, err := tls.Dial("tcp", addr, &tls.Config{InsecureSkipVerify: true}) // the certificate is self-signed
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = conn.Close() }()
		return conn.ConnectionState().PeerCertificates[0].SerialNumber.Int64()
	}
	if got := serial(); got != 1 {
		t.Fatalf("the certificate has the serial number %d, want 1", got)
	}
	writeCertificate(t, certFile, keyFile, 2)
	if result, err := (controlHandler{a}).Reload(t.Context()); err != nil || !slices.Contains(result.Changed, "TLS_CERT_FILE") {
		t.Errorf("Reload = %+v, %v, want TLS_CERT_FILE changed", result, err)
	}
	if got := serial(); got != 2 {
		t.Errorf("the certificate has the serial number %d, want 2", got)
	}
	if err := os.WriteFile(certFile, []byte("no certificate"), 0o600); err != nil {
		t.Fatal(err)
	}
	s.set("LOG_LEVEL", "debug")
	if _, err := (controlHandler{a}).Reload(t.Context()); err == nil {
		t.Error("Reload takes a file that is not a certificate")
	}
	if got := a.options.Level.Level(); got != slog.LevelInfo {
		t.Errorf("after a failed reload the log level is %v, want info as before", got)
	}
	if got := serial(); got != 2 {
		t.Errorf("after a failed reload the serial number is %d, want 2", got)
	}
}
