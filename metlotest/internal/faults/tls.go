package faults

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"net"
	"time"
)

const tlsHandshakeRecord = 22 // the first byte of a connection that begins with TLS

// tlsKind is the kind of the server's certificate.
type tlsKind int

const (
	tlsNone tlsKind = iota
	tlsGood
	tlsWrongName
	tlsExpired
	tlsUntrusted
)

// tlsSetup is a certificate authority with a certificate signed by it or by a stranger.
type tlsSetup struct {
	authority *x509.Certificate
	leaf      tls.Certificate
}

func newTLSSetup(kind tlsKind) *tlsSetup {
	// The time of the bubble, if it runs in one of testing/synctest.
	now := time.Now()
	authority, key := newAuthority(now)
	leaf := &x509.Certificate{
		SerialNumber: big.NewInt(2),
		Subject:      pkix.Name{CommonName: "metlo"},
		NotBefore:    now.Add(-48 * time.Hour),
		NotAfter:     now.Add(48 * time.Hour),
		DNSNames:     []string{"localhost"},
		IPAddresses:  []net.IP{net.IPv4(127, 0, 0, 1)},
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	signer, signerKey := authority, key
	switch kind {
	case tlsWrongName:
		leaf.DNSNames, leaf.IPAddresses = []string{"other.example"}, nil
	case tlsExpired:
		leaf.NotAfter = now.Add(-time.Hour)
	case tlsUntrusted:
		signer, signerKey = newAuthority(now)
	}
	leafKey := newTLSKey()
	der, err := x509.CreateCertificate(rand.Reader, leaf, signer, leafKey.Public(), signerKey)
	mustTLS(err)
	return &tlsSetup{authority: authority, leaf: tls.Certificate{Certificate: [][]byte{der}, PrivateKey: leafKey}}
}

func newAuthority(now time.Time) (*x509.Certificate, *ecdsa.PrivateKey) {
	key := newTLSKey()
	template := &x509.Certificate{
		SerialNumber:          big.NewInt(1),
		Subject:               pkix.Name{CommonName: "metlotest"},
		NotBefore:             now.Add(-72 * time.Hour),
		NotAfter:              now.Add(72 * time.Hour),
		IsCA:                  true,
		BasicConstraintsValid: true,
		KeyUsage:              x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	mustTLS(err)
	certificate, err := x509.ParseCertificate(der)
	mustTLS(err)
	return certificate, key
}

func newTLSKey() *ecdsa.PrivateKey {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	mustTLS(err)
	return key
}

func mustTLS(err error) {
	if err != nil {
		panic("metlotest: NewFaultServer: " + err.Error())
	}
}

func (t *tlsSetup) server() *tls.Config {
	return &tls.Config{Certificates: []tls.Certificate{t.leaf}, MinVersion: tls.VersionTLS12}
}

func (t *tlsSetup) client() *tls.Config {
	pool := x509.NewCertPool()
	pool.AddCert(t.authority)
	return &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
}
