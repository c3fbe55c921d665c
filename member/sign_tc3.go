package member

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// tc3 signs calls of Tencent Cloud's API 3.0 with TC3-HMAC-SHA256. The time in
// the signature may be five minutes off.
// Source: cloud.tencent.com/document/api/1729/101843 (signature v3).
type tc3 struct {
	id, key string
	service string // the first label of the host, such as hunyuan
	action  string // X-TC-Action
	version string // X-TC-Version
	region  string // X-TC-Region; empty = none
}

func (t *tc3) sign(_ context.Context, req *http.Request, body []byte) error {
	if req.Method == http.MethodGet { // a probe: every answer will do
		return nil
	}
	now := time.Now()
	req.Header.Set("X-TC-Action", t.action)
	req.Header.Set("X-TC-Version", t.version)
	req.Header.Set("X-TC-Timestamp", strconv.FormatInt(now.Unix(), 10))
	if t.region != "" {
		req.Header.Set("X-TC-Region", t.region)
	}
	signed := []tc3Header{{"content-type", req.Header.Get("Content-Type")}, {"host", req.URL.Host}, {"x-tc-action", strings.ToLower(t.action)}}
	_, _, authorization := t.authorization(now, signed, body)
	req.Header.Set("Authorization", authorization)
	return nil
}

func (t *tc3) renew(*http.Request) bool { return false }

func (t *tc3) secrets() []string { return []string{t.key, t.id} }

type tc3Header struct{ name, value string }

// authorization returns the hash of the canonical request, the signature and
// the value of the header. The headers are in the order of their names.
func (t *tc3) authorization(at time.Time, headers []tc3Header, body []byte) (canonical, signature, header string) {
	var lines, names []string
	for _, h := range headers {
		lines = append(lines, h.name+":"+h.value+"\n")
		names = append(names, h.name)
	}
	list := strings.Join(names, ";")
	canonical = hexSum("POST\n/\n\n" + strings.Join(lines, "") + "\n" + list + "\n" + hexSum(string(body)))
	date := at.UTC().Format(time.DateOnly)
	scope := date + "/" + t.service + "/tc3_request"
	text := "TC3-HMAC-SHA256\n" + strconv.FormatInt(at.Unix(), 10) + "\n" + scope + "\n" + canonical
	signature = hex.EncodeToString(sum256(t.signingKey(date), text))
	return canonical, signature, fmt.Sprintf("TC3-HMAC-SHA256 Credential=%s/%s, SignedHeaders=%s, Signature=%s", t.id, scope, list, signature)
}

// signingKey is the key of one day and service.
func (t *tc3) signingKey(date string) []byte {
	return sum256(sum256(sum256([]byte("TC3"+t.key), date), t.service), "tc3_request")
}

// sum256 is HMAC-SHA256.
func sum256(key []byte, text string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text))
	return h.Sum(nil)
}

// hexSum is SHA-256 in hexadecimal digits.
func hexSum(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

// halves splits a key of two parts, such as id:secret; what names it in the error.
func halves(key, sep, what string) (id, secret string, err error) {
	id, secret, ok := strings.Cut(strings.TrimSpace(key), sep)
	if !ok || id == "" || secret == "" || strings.ContainsFunc(id+secret, func(r rune) bool { return r <= ' ' || r >= 0x7F }) {
		return "", "", fmt.Errorf("the key is no pair, want %s in key_env or key_file", what)
	}
	return id, secret, nil
}
