package hub

import (
	"context"
	"fmt"
	"net/url"
)

// Source: ModelScope's API as its Python client speaks it (get_model_files,
// get_file_download_url), from general knowledge.
func init() {
	register(kind{
		name: "modelscope", endpoint: "https://modelscope.cn", revision: "master",
		list: listModelScope,
		file: func(h *Hub, repo, revision, name string) *url.URL {
			u := h.url("api/v1/models", repo, "repo")
			u.RawQuery = url.Values{"Revision": {revision}, "FilePath": {name}}.Encode()
			return u
		},
	})
}

func listModelScope(ctx context.Context, h *Hub, repo, revision string) ([]File, error) {
	u := h.url("api/v1/models", repo, "repo/files")
	u.RawQuery = url.Values{"Revision": {revision}, "Recursive": {"true"}}.Encode()
	var answer struct {
		Code    int
		Message string
		Data    struct {
			Files []struct {
				Path, Type, Sha256 string
				Size               int64
			}
		}
	}
	if _, err := h.getJSON(ctx, u, &answer); err != nil {
		return nil, err
	}
	if answer.Code != 200 {
		return nil, fmt.Errorf("the hub says %d: %.200q", answer.Code, answer.Message)
	}
	var files []File
	for _, e := range answer.Data.Files {
		if e.Type == "blob" {
			files = append(files, File{Name: e.Path, Bytes: e.Size, SHA256: e.Sha256})
		}
	}
	if len(files) > maxFiles {
		return nil, fmt.Errorf("more than %d files", maxFiles)
	}
	return files, nil
}
