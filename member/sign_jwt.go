package member

import (
	"context"
	"encoding/base64"
	"net/http"
	"strconv"
	"sync"
	"time"
)

// zhipuJWT signs calls with a token made here from a key id.secret, so that
// the secret never leaves this machine.
// Source: docs.bigmodel.cn, authentication with a token of one's own.
type zhipuJWT struct {
	id, secret string

	mu      sync.Mutex
	token   string
	expires time.Time
}

// A token's life, and how long before its end it is used no more: clocks
// differ.
const (
	jwtLife = time.Hour
	jwtRest = 5 * time.Minute
)

func (z *zhipuJWT) sign(_ context.Context, req *http.Request, _ []byte) error {
	z.mu.Lock()
	defer z.mu.Unlock()
	now := time.Now()
	if !now.Before(z.expires.Add(-jwtRest)) {
		z.expires = now.Add(jwtLife)
		z.token = z.make(now, z.expires)
	}
	req.Header.Set("Authorization", "Bearer "+z.token)
	return nil
}

// make returns the token; the order of the fields is the vendor's.
func (z *zhipuJWT) make(at, expires time.Time) string {
	code := base64.RawURLEncoding.EncodeToString
	claims := `{"api_key":"` + z.id + `","exp":` + strconv.FormatInt(expires.UnixMilli(), 10) + `,"timestamp":` + strconv.FormatInt(at.UnixMilli(), 10) + `}`
	text := code([]byte(`{"alg":"HS256","sign_type":"SIGN"}`)) + "." + code([]byte(claims))
	return text + "." + code(sum256([]byte(z.secret), text))
}

// renew has a new token made where the refused one was not made just now.
func (z *zhipuJWT) renew(refused *http.Request) bool {
	z.mu.Lock()
	defer z.mu.Unlock()
	if refused.Header.Get("Authorization") != "Bearer "+z.token {
		return true // another call has renewed it
	}
	if time.Since(z.expires.Add(-jwtLife)) < time.Second {
		return false
	}
	z.expires = time.Time{}
	return true
}

func (z *zhipuJWT) secrets() []string {
	z.mu.Lock()
	defer z.mu.Unlock()
	return []string{z.id + "." + z.secret, z.secret, z.token}
}
