package member

import (
	"summit/dialect"
	"summit/llm"
)

// Zhipu's GLM on BigModel; for Z.ai set base_url to https://api.z.ai/api/paas/v4.
// Without tool_stream a tool call comes in one piece. Error codes are numbers.
// Source: docs.bigmodel.cn (chat reference and api-code), models.dev (2026-10).
func init() { registerOpenAI(glm()) }

func glm() vendor {
	return vendor{
		name: "glm", about: "Zhipu GLM on BigModel", maker: "zhipu",
		baseURL: "https://open.bigmodel.cn/api/paas/v4", model: "glm-5.3", keyEnv: []string{"ZHIPUAI_API_KEY", "GLM_API_KEY"},
		quirks: dialect.Quirks{
			ThinkingSwitch: "thinking", ReasoningField: "reasoning_content", AlwaysThink: []string{"glm-5.3", "glm-5.3-flash"},
			EmbedBatch: 64, Body: map[string]string{"tool_stream": "true"},
			Pass: []string{"do_sample", "request_id", "user_id"},
			Codes: map[string]llm.ErrorKind{
				"1000": llm.Unauthorized, "1001": llm.Unauthorized, "1002": llm.Unauthorized, "1003": llm.Unauthorized, "1004": llm.Unauthorized,
				"1113": llm.QuotaExhausted, "1304": llm.QuotaExhausted, "1308": llm.QuotaExhausted, "1309": llm.QuotaExhausted, "1310": llm.QuotaExhausted,
				"1220": llm.Forbidden, "1311": llm.Forbidden, "1221": llm.NotFound, "1222": llm.NotFound, "1211": llm.NotFound,
				"1302": llm.RateLimited, "1303": llm.RateLimited, "1305": llm.RateLimited, "1313": llm.RateLimited,
				"1120": llm.Overloaded, "1234": llm.Overloaded, "1312": llm.Overloaded,
				"1261": llm.TooLong, "1300": llm.Filtered, "1301": llm.Filtered,
			},
		},
	}
}
