package member

import (
	"context"
	"encoding/hex"
	"net/http"
	"net/url"
	"time"

	"summit/llm"
)

// bceToken returns a signer with Baidu's short token, fetched with an access
// key and its secret at iam (such as https://iam.bj.baidubce.com).
// Source: cloud.baidu.com/doc/IAM (BCE-BEARER tokens, authentication v1).
func bceToken(client *http.Client, iam, ak, sk string) *tokens {
	const path, query = "/v1/BCE-BEARER/token", "expireInSeconds=86400"
	t := &tokens{client: client, hidden: []string{sk, ak}}
	t.fetch = func(ctx context.Context) (string, time.Time, error) {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, iam+path+"?"+query, nil)
		if err != nil {
			return "", time.Time{}, errRequest(err)
		}
		req.Header.Set("Authorization", bceAuthorization(ak, sk, time.Now(), req.Method, path, query, req.URL.Host))
		var answer struct {
			Token      string    `json:"token"`
			ExpireTime time.Time `json:"expireTime"`
		}
		if _, err := fetchToken(client, req, &answer); err != nil {
			return "", time.Time{}, err
		}
		if answer.ExpireTime.IsZero() {
			answer.ExpireTime = time.Now().Add(24 * time.Hour)
		}
		return gotToken(answer.Token, answer.ExpireTime)
	}
	return t.bearerToken()
}

// bceAuthorization returns the header of a call that is signed with an access
// key: version 1, the host being the only signed header. The signing key is
// used as the text of its hexadecimal digits.
func bceAuthorization(ak, sk string, at time.Time, method, path, query, host string) string {
	prefix := "bce-auth-v1/" + ak + "/" + at.UTC().Format("2006-01-02T15:04:05Z") + "/1800"
	key := hex.EncodeToString(sum256([]byte(sk), prefix))
	return prefix + "/host/" + hex.EncodeToString(sum256([]byte(key), method+"\n"+path+"\n"+query+"\nhost:"+host))
}

// oauthToken returns a signer with the access token of Baidu's older services,
// which stands in the query.
// Source: cloud.baidu.com/doc/WENXINWORKSHOP (access_token).
func oauthToken(client *http.Client, address, id, secret string) *tokens {
	t := &tokens{client: client, hidden: []string{secret, id}}
	t.fetch = func(ctx context.Context) (string, time.Time, error) {
		q := url.Values{"grant_type": {"client_credentials"}, "client_id": {id}, "client_secret": {secret}}
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, address+"?"+q.Encode(), nil)
		if err != nil {
			return "", time.Time{}, errRequest(err)
		}
		var answer struct {
			Token   string `json:"access_token"`
			Seconds int64  `json:"expires_in"`
			Error   string `json:"error"`
			About   string `json:"error_description"`
		}
		if _, err := fetchToken(client, req, &answer); err != nil {
			return "", time.Time{}, err
		}
		if answer.Error != "" {
			return "", time.Time{}, llm.Errorf(llm.Unauthorized, "no token was given: %s: %s", clip(answer.Error), clip(answer.About))
		}
		const longest = 400 * 24 * 60 * 60
		return gotToken(answer.Token, time.Now().Add(time.Duration(min(answer.Seconds, longest))*time.Second))
	}
	return t.inQuery("access_token")
}

// inQuery puts a token into the address.
func (t *tokens) inQuery(name string) *tokens {
	t.put = func(req *http.Request, token string) {
		q := req.URL.Query()
		q.Set(name, token)
		req.URL.RawQuery = q.Encode()
	}
	t.get = func(req *http.Request) string { return req.URL.Query().Get(name) }
	return t
}
