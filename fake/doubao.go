package fake

// ByteDance's Doubao on Volcengine Ark.
// Source: volcengine articles 2605349 and 2608172; error codes by way of a
// public mirror.
func init() {
	register(Vendor{
		Name: "doubao", About: "ByteDance Doubao on Volcengine Ark", Protocol: "Chat Completions", Kind: "doubao",
		Base: "/api/v3", Model: "doubao-seed-2-1-pro-260915", Key: "fake-ark-key", Returns: true,
		Unknown:    []string{"too-long"},
		Deviations: []string{"role-every"},
		Cannot:     map[Scenario]string{Vision: "nothing is known here of images and this model"},
		Vectors:    Vectors{Model: "doubao-embedding-text-240715", Size: 2560},
		door: &chat{
			effort: []string{"minimal", "low", "medium", "high"}, thinks: thinks{by: "thinking", unasked: true, noThought: "minimal"},
			errors: map[string]failure{
				invalid: {400, "InvalidParameter", "BadRequest"}, unauthorized: {401, "AuthenticationError", "Unauthorized"},
				notFound: {404, "InvalidEndpointOrModel.NotFound", "NotFound"}, rateLimited: {429, "RateLimitExceeded.EndpointTPMExceeded", "TooManyRequests"},
				quota: {403, "AccountOverdueError", "Forbidden"}, filtered: {400, "InputTextSensitiveContentDetected", "BadRequest"},
				overloaded: {429, "ServerOverloaded", "TooManyRequests"},
			},
			refuse: func(_ *exchange, f failure, p problem) (int, any) {
				p.message += ". Request id: fake-request"
				return f.status, openAIError(f, p)
			},
		},
	})
}
