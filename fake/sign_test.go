package fake

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// Signatures that vendors published, or that were computed apart from any of
// our code.

func TestTC3(t *testing.T) {
	// Tencent Cloud's published example.
	body := `{"Limit": 1, "Filters": [{"Values": ["\u672a\u547d\u540d"], "Name": "instance-name"}]}`
	if got := hash([]byte(body)); got != "35e9c5b0e3ae67532d3c9f17ead6c90222632e5b1ff7f6e89887f1398934f064" {
		t.Errorf("hash of the body %s", got)
	}
	// The example's canonical request is known by its hash only for the key that
	// was published with it; ours is whole.
	body = `{"Model":"hunyuan-lite","Messages":[{"Role":"user","Content":"hi"}],"Stream":false}`
	canonical := "POST\n/\n\ncontent-type:application/json\nhost:hunyuan.tencentcloudapi.com\nx-tc-action:chatcompletions\n\ncontent-type;host;x-tc-action\n" + hash([]byte(body))
	if got := hash([]byte(canonical)); got != "9942add5d3d2484393f8cf16a110b9b1890ac9fd3dc42f9ee1ef7bbe941182a3" {
		t.Errorf("hash of the canonical request %s", got)
	}
	const signature = "add438b389e55fa57039c929d86dbab0956d6fcaaec7dd0aede4c6c0510c68c2"
	if got := tc3Signature("EXAMPLEKEY0000000000000000000000", "hunyuan", 1700000000, canonical); got != signature {
		t.Errorf("signature %s, want %s", got, signature)
	}

	f := func(now int64, change func(h http.Header), want string) {
		t.Helper()
		s, err := New("hunyuan-native", Options{Model: "hunyuan-lite", Now: func() time.Time { return time.Unix(now, 0) }})
		if err != nil {
			t.Fatal(err)
		}
		r := httptest.NewRequest("POST", "http://hunyuan.tencentcloudapi.com/", strings.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("X-TC-Action", "ChatCompletions")
		r.Header.Set("X-TC-Version", "2023-09-01")
		r.Header.Set("X-TC-Timestamp", "1700000000")
		r.Header.Set("Authorization", "TC3-HMAC-SHA256 Credential=AKIDEXAMPLE0000000000000000000000000/2023-11-14/hunyuan/tc3_request, SignedHeaders=content-type;host;x-tc-action, Signature="+signature)
		if change != nil {
			change(r.Header)
		}
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		if w.Code != 200 || !strings.Contains(w.Body.String(), want) {
			t.Errorf("status %d, %s, want %s", w.Code, w.Body, want)
		}
	}
	set := func(name, value string) func(http.Header) {
		return func(h http.Header) { h.Set(name, value) }
	}
	f(1700000000, nil, "This is a fake of hunyuan-native")
	f(1700000299, nil, "This is a fake")
	f(1700000301, nil, "AuthFailure.SignatureExpire")
	f(1699999699, nil, "AuthFailure.SignatureExpire")
	f(1700000000, set("Content-Type", "application/json; charset=utf-8"), "AuthFailure.SignatureFailure")
	f(1700000000, set("X-TC-Timestamp", "1700000001"), "AuthFailure.SignatureFailure")
	f(1700000000, set("X-TC-Action", "Other"), "InvalidAction")
	f(1700000000, set("Authorization", ""), "AuthFailure.SignatureFailure")
}

// Tencent's example with the key that was published beside it, by the signing
// key that follows from it.
func TestTC3Published(t *testing.T) {
	key := []byte{0xb5, 0x96, 0xb9, 0x23, 0xaa, 0xd8, 0x51, 0x85, 0xe2, 0xd1, 0xf6, 0x65, 0x9d, 0x2a, 0x06, 0x2e, 0x0a, 0x86, 0x73, 0x12, 0x26, 0xe0, 0x21, 0xe6, 0x1b, 0xfe, 0x06, 0xf7, 0xed, 0x05, 0xf5, 0xaf}
	text := "TC3-HMAC-SHA256\n1551113065\n2019-02-25/cvm/tc3_request\n7019a55be8395899b900fb5564e4200d984910f34794a27cb3fb7d10ff6a1e84"
	if got := fmt.Sprintf("%x", hmac256(key, text)); got != "10b1a37a7301a02ca19a647ad722d5e43b4b3cff309d421d85b46093f6ab6c4f" {
		t.Errorf("signature %s", got)
	}
}

func TestGLMToken(t *testing.T) {
	const token = "eyJhbGciOiJIUzI1NiIsInNpZ25fdHlwZSI6IlNJR04ifQ.eyJhcGlfa2V5IjoiaWQwMDAxIiwiZXhwIjoxNzAwMDAzNjAwMDAwLCJ0aW1lc3RhbXAiOjE3MDAwMDAwMDAwMDB9.FS9fNKZv1-HXjZhvDvXw0oNm9zzowEU8BiRvJRfNaec"
	f := func(authorization string, now time.Time, want string) {
		t.Helper()
		s, err := New("glm-jwt", Options{Now: func() time.Time { return now }})
		if err != nil {
			t.Fatal(err)
		}
		r := httptest.NewRequest("POST", "/", nil)
		r.Header.Set("Authorization", authorization)
		got := ""
		if p := glmToken(&exchange{s: s, r: r}); p != nil {
			got = p.message
		}
		if !strings.Contains(got, want) || (got == "") != (want == "") {
			t.Errorf("%s at %v: %q, want %q", authorization, now, got, want)
		}
	}
	at := time.Unix(1700000000, 0)
	f("Bearer "+token, at, "")
	f(token, at, "")
	f("Bearer "+token, at.Add(time.Hour+time.Second), "expired")
	f("Bearer "+token, at.Add(-time.Hour), "milliseconds")
	f("Bearer "+token[:len(token)-1], at, "signature")
	f("Bearer "+strings.Replace(token, "eyJhcGlf", "eyJhcGxf", 1), at, "signature")
	f("Bearer id0001.secret0001", at, "neither")
	f("", at, "neither")
}

func TestSparkSignature(t *testing.T) {
	if got := sparkSignature("apisecret0001", "spark-api.xf-yun.com", "Tue, 14 Nov 2023 22:13:20 GMT", "/v4.0/chat"); got != "rAp+RTJIpW824zxqx/+BqYbQBBNgLqXdUvcxuwZQB+E=" {
		t.Errorf("signature %s", got)
	}
}

func TestBCESignature(t *testing.T) {
	got := bceSignature("ak0001", "sk0001", "2023-11-14T22:13:20Z", 1800, "iam.bj.baidubce.com", "/v1/BCE-BEARER/token", "expireInSeconds=86400")
	if got != "ae3cbf451983864faf386dff5f6375f25eaa54a372adb4c55762735f04d64e59" {
		t.Errorf("signature %s", got)
	}
}
