package member

import (
	"summit/dialect"
	"summit/llm"
)

// Baidu's ERNIE on Qianfan v2, with a permanent key (bce-v3/...).
// Source: apidog's guide to ERNIE 5.5 (2026-11-12); error words by way of
// public adapters; the switch of thoughts by memory.
func init() { registerOpenAI(qianfan()) }

func qianfan() vendor {
	return vendor{
		name: "qianfan", about: "Baidu ERNIE on Qianfan", maker: "baidu",
		baseURL: "https://qianfan.baidubce.com/v2", model: "ernie-5.5-flash-preview", keyEnv: []string{"QIANFAN_API_KEY", "QIANFAN_TOKEN"},
		quirks: dialect.Quirks{
			ThinkingSwitch: "enable_thinking", ReasoningField: "reasoning_content", EmbedBatch: 16,
			Efforts: map[string]string{"none": "", "minimal": "", "low": "", "medium": "", "high": "", "xhigh": "", "max": ""},
			Codes:   map[string]llm.ErrorKind{"rpm_rate_limit_exceeded": llm.RateLimited, "tpm_rate_limit_exceeded": llm.RateLimited, "account_overdue": llm.QuotaExhausted},
		},
	}
}
