package member

import (
	"summit/dialect"
	"summit/llm"
)

// Huawei's openPangu on ModelArts MaaS. Some of its models refuse fields that
// they do not know, so the rarer ones are never sent; the thinking switch is
// by memory.
// Source: support.huaweicloud.com usermanual-maas-modelarts-0078 and
// model-call-035 (2025-09), models.dev (2026-10).
func init() { registerOpenAI(pangu()) }

func pangu() vendor {
	return vendor{
		name: "pangu", about: "Huawei openPangu on ModelArts MaaS", maker: "huawei",
		baseURL: "https://api.modelarts-maas.com/v1", model: "openpangu-2.0-pro", keyEnv: []string{"MAAS_API_KEY"},
		quirks: dialect.Quirks{
			ThinkingSwitch: "thinking",
			Efforts:        map[string]string{"none": "", "minimal": "", "low": "", "medium": "", "high": "", "xhigh": "", "max": ""},
			Strip:          []string{"metadata", "user", "min_p", "parallel_tool_calls", "tools.strict"},
			Codes: map[string]llm.ErrorKind{
				"ModelArts.81001": llm.Unsupported, "ModelArts.81002": llm.Unauthorized, "ModelArts.81003": llm.Unauthorized, "ModelArts.81015": llm.Unauthorized,
				"ModelArts.81004": llm.Forbidden, "ModelArts.81006": llm.Forbidden, "ModelArts.81013": llm.Filtered, "ModelArts.81101": llm.RateLimited,
			},
		},
	}
}
