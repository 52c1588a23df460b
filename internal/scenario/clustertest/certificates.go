package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

// authority signs the certificates of one cluster.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pem  []byte
}

func newAuthority() (*authority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	cert := template("clustertest")
	cert.IsCA, cert.BasicConstraintsValid, cert.KeyUsage = true, true, x509.KeyUsageCertSign|x509.KeyUsageDigitalSignature
	der, err := x509.CreateCertificate(rand.Reader, cert, cert, key.Public(), key)
	if err != nil {
		return nil, err
	}
	return &authority{cert, key, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})}, nil
}

func template(name string, groups ...string) *x509.Certificate {
	serial, _ := rand.Int(rand.Reader, big.NewInt(1<<62)) // crypto/rand does not fail
	return &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: name, Organization: groups},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(48 * time.Hour),
	}
}

// issue signs a certificate of a server at these addresses, or without any one of a client.
func (a *authority) issue(cert *x509.Certificate, addresses ...string) (certPEM, keyPEM []byte, err error) {
	cert.KeyUsage, cert.ExtKeyUsage = x509.KeyUsageDigitalSignature, []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	for _, address := range addresses {
		cert.IPAddresses = append(cert.IPAddresses, net.ParseIP(address))
		cert.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	der, err := x509.CreateCertificate(rand.Reader, cert, a.cert, key.Public(), a.key)
	if err != nil {
		return nil, nil, err
	}
	text, err := x509.MarshalECPrivateKey(key) // not PKCS #8: as a key of service accounts, the API server would not know it
	if err != nil {
		return nil, nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: text}), nil
}

const kubeconfig = `apiVersion: v1
kind: Config
current-context: clustertest
contexts:
- {name: clustertest, context: {cluster: clustertest, user: %[1]s}}
clusters:
- {name: clustertest, cluster: {server: "https://%[2]s", certificate-authority-data: %[3]s}}
users:
- {name: %[1]s, user: {client-certificate-data: %[4]s, client-key-data: %[5]s}}
`

// writeConfig writes a kubeconfig of a user in these groups for a server.
func (a *authority) writeConfig(path, server, user string, groups ...string) error {
	cert, key, err := a.issue(template(user, groups...))
	if err != nil {
		return err
	}
	encode := base64.StdEncoding.EncodeToString
	return os.WriteFile(path, fmt.Appendf(nil, kubeconfig, user, server, encode(a.pem), encode(cert), encode(key)), 0o600)
}

// writeServer writes what the API server needs into a folder: ca.pem, server.pem, server.key and accounts.key, with
// which it signs service accounts.
func (a *authority) writeServer(folder string, addresses ...string) error {
	cert, key, err := a.issue(template("kube-apiserver"), addresses...)
	if err != nil {
		return err
	}
	_, accounts, err := a.issue(template("accounts"))
	if err != nil {
		return err
	}
	for name, text := range map[string][]byte{"ca.pem": a.pem, "server.pem": cert, "server.key": key, "accounts.key": accounts} {
		if err := os.WriteFile(filepath.Join(folder, name), text, 0o600); err != nil {
			return err
		}
	}
	return nil
}
