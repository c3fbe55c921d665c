package fake

import (
	"crypto/hmac"
	"encoding/hex"
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"time"
)

// Baidu's ERNIE on Qianfan for an access key, for which IAM gives a short
// token.
// Source: cloud.baidu.com, BCE-BEARER token and the signature of requests (bce-auth-v1).
func init() {
	register(Vendor{
		Name: "qianfan-bce", About: "Baidu ERNIE on Qianfan, with a token of IAM", Protocol: "Chat Completions, BCE-BEARER token", Kind: "qianfan-bce",
		Base: "/v2", Model: "ernie-5.5-flash-preview", Key: "ak0001:sk0001",
		Unknown:    []string{"too-long"},
		Deviations: []string{"finish-normal"},
		Cannot:     map[Scenario]string{Vision: "nothing is known here of images and this model"},
		params:     func(address string) string { return `{"token_url":"` + address + `"}` },
		Vectors:    Vectors{Model: "embedding-v1", Size: 384, Most: 16},
		door: doors{
			qianfan(func(x *exchange) *problem {
				if x.s.holds(x.bearer()) {
					return nil
				}
				return &problem{what: unauthorized, message: "the token is not valid"}
			}),
			route{"GET /v1/BCE-BEARER/token", bceToken},
		},
	})
}

var bceHeader = regexp.MustCompile(`^bce-auth-v1/([^/]+)/(\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z)/(\d+)/host/([0-9a-f]{64})$`)

// bceToken gives a token to whoever signed the request for it.
func bceToken(s *Server, w http.ResponseWriter, r *http.Request) {
	x := &exchange{s: s, w: w, r: r}
	refuse := func(message string) {
		x.write(http.StatusForbidden, compact(map[string]any{"code": "SignatureDoesNotMatch", "message": message, "requestId": "fake-request"}))
	}
	id, secret := s.halves()
	parts := bceHeader.FindStringSubmatch(r.Header.Get("Authorization"))
	seconds, err := strconv.Atoi(r.URL.Query().Get("expireInSeconds"))
	if parts == nil || err != nil || seconds <= 0 {
		refuse("want expireInSeconds and an Authorization of the form bce-auth-v1/AK/TIME/SECONDS/host/SIGNATURE")
		return
	}
	at, err := time.Parse(time.RFC3339, parts[2])
	holds, err2 := strconv.Atoi(parts[3])
	switch since := s.now().Sub(at); {
	case err != nil || err2 != nil || since < -5*time.Minute || since > time.Duration(holds)*time.Second:
		refuse("the signature has expired")
	case parts[1] != id:
		refuse("the access key does not exist")
	case !hmac.Equal([]byte(parts[4]), []byte(bceSignature(id, secret, parts[2], holds, r.Host, r.URL.Path, r.URL.RawQuery))):
		refuse("the signature does not match")
	default:
		life := time.Duration(seconds) * time.Second
		x.write(http.StatusCreated, compact(map[string]any{"token": s.issue(life), "expireTime": s.now().Add(life).UTC().Format(time.RFC3339)}))
	}
}

// bceSignature returns the signature of a GET request.
func bceSignature(id, secret, at string, holds int, host, path, query string) string {
	key := hex.EncodeToString(hmac256([]byte(secret), fmt.Sprintf("bce-auth-v1/%s/%s/%d", id, at, holds)))
	return hex.EncodeToString(hmac256([]byte(key), "GET\n"+path+"\n"+query+"\nhost:"+host))
}
