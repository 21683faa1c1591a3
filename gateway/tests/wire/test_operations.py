import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.wire.operations import NO_CALL, Called, called


@pytest.mark.parametrize(
    ("path", "operation"),
    [
        ("/v1/chat/completions", "chat"),
        ("/chat/completions", "chat"),
        ("/api/v1/chat/completions", "chat"),
        ("/async/chat/completions", "chat"),
        ("/v1beta/openai/chat/completions", "chat"),
        ("/v1/sonar", "chat"),
        ("/v1/responses", "chat"),
        ("/v1/responses/compact", "chat"),
        ("/v1/completions", "completion"),
        ("/beta/completions", "completion"),
        ("/v1/fim/completions", "completion"),
        ("/v1/agents/completions", "chat"),
        ("/v1/messages", "chat"),
        ("/anthropic/v1/messages", "chat"),
        ("/v1/embeddings", "embedding"),
        ("/api/embed", "embedding"),
        ("/api/embeddings", "embedding"),
        ("/v2/embed", "embedding"),
        ("/v1/images/generations", "image"),
        ("/v1/images/edits", "image"),
        ("/v1/images/variations", "image"),
        ("/v1/audio/speech", "audio"),
        ("/v1/audio/transcriptions", "audio"),
        ("/v1/audio/translations", "audio"),
        ("/v1/videos", "video"),
        ("/v1/moderations", "moderation"),
        ("/v1/chat/moderations", "moderation"),
        ("/v2/rerank", "rerank"),
        ("/rerank", "rerank"),
        ("/v1/ocr", "ocr"),
        ("/api/chat", "chat"),
        ("/api/generate", "completion"),
        ("/v1/chat", "chat"),
        ("/v2/chat", "chat"),
        ("/v1/generate", "completion"),
    ],
)
def test_a_path_says_which_call_it_is(path, operation):
    assert called(path.encode(), b"") == Called(operation)


@pytest.mark.parametrize(
    "path",
    [
        *("", "/", "/v1/models", "/v1/models/gpt-4o", "/v1/files", "/v1/batches", "/v1/messages/count_tokens"),
        *("/v1/messages/batches", "/v1/threads/t1/messages", "/v1/threads/t1/runs", "/v1/responses/r1/cancel"),
        *("/v1/responses/r1", "/v1/responses/input_tokens", "/v1/tokenize", "/api/tags", "/api/pull", "/api/show"),
        *("/v1beta/models/gemini-2.5-pro:countTokens", "/v1beta/models/x:batchGenerateContent", "/v1beta/files"),
        *("/v1beta/cachedContents", "/upload/v1beta/files", "/model/m/count-tokens", "/model/m/async-invoke"),
        *("/v1/predictions/p1/cancel", "/user/balance", "/v1/realtime", "/v1/generations", "/v1/fine_tuning/jobs"),
        "/v1/projects/p/locations/l/publishers/anthropic/models/count-tokens:rawPredict",
    ],
)
def test_what_is_not_billed_is_no_call(path):
    assert called(path.encode(), b"") is NO_CALL


@pytest.mark.parametrize(
    ("path", "query", "expected"),
    [
        ("/v1beta/models/gemini-2.5-pro:generateContent", "", ("chat", "gemini-2.5-pro", False)),
        ("/v1beta/models/gemini-2.5-pro%3AgenerateContent", "", ("chat", "gemini-2.5-pro", False)),
        ("/v1beta/models/gemini-2.5-pro:streamGenerateContent", "", ("chat", "gemini-2.5-pro", True)),
        ("/v1beta/models/gemini-2.5-pro:streamGenerateContent", "alt=sse", ("chat", "gemini-2.5-pro", True)),
        ("/v1beta/models/gemini-2.5-pro:generateContent", "a=b&alt=sse", ("chat", "gemini-2.5-pro", True)),
        ("/v1beta/models/gemini-embedding-001:embedContent", "", ("embedding", "gemini-embedding-001", False)),
        ("/v1beta/models/gemini-embedding-001:batchEmbedContents", "", ("embedding", "gemini-embedding-001", False)),
        ("/v1beta/models/imagen-4:predict", "", ("image", "imagen-4", False)),
        ("/v1beta/models/veo-3:predictLongRunning", "", ("video", "veo-3", False)),
        ("/v1beta/tunedModels/mine:generateContent", "", ("chat", "tunedModels/mine", False)),
        (
            "/v1/projects/p/locations/l/publishers/google/models/gemini-2.5-pro:streamGenerateContent",
            "alt=sse",
            ("chat", "gemini-2.5-pro", True),
        ),
        (
            "/v1/projects/p/locations/l/publishers/google/models/text-embedding-005:predict",
            "",
            ("embedding", "text-embedding-005", False),
        ),
        (
            "/v1/projects/p/locations/l/publishers/anthropic/models/claude-sonnet-4@20250514:streamRawPredict",
            "",
            ("chat", "claude-sonnet-4@20250514", True),
        ),
        (
            "/v1/projects/p/locations/l/publishers/anthropic/models/claude-sonnet-4@20250514:rawPredict",
            "",
            ("chat", "claude-sonnet-4@20250514", None),
        ),
        ("/v1/projects/p/locations/l/endpoints/123:generateContent", "", ("chat", "endpoints/123", False)),
        (
            "/model/anthropic.claude-3-5-haiku-20241022-v1%3A0/converse",
            "",
            ("chat", "anthropic.claude-3-5-haiku-20241022-v1:0", False),
        ),
        ("/model/us.amazon.nova-pro-v1:0/converse-stream", "", ("chat", "us.amazon.nova-pro-v1:0", True)),
        ("/model/meta.llama3/invoke", "", ("chat", "meta.llama3", False)),
        ("/model/meta.llama3/invoke-with-response-stream", "", ("chat", "meta.llama3", True)),
        ("/model/amazon.titan-embed-text-v2%3A0/invoke", "", ("embedding", "amazon.titan-embed-text-v2:0", False)),
        ("/model/cohere.rerank-v3-5%3A0/invoke", "", ("rerank", "cohere.rerank-v3-5:0", False)),
        ("/model/amazon.nova-canvas-v1%3A0/invoke", "", ("image", "amazon.nova-canvas-v1:0", False)),
        (
            "/model/arn%3Aaws%3Abedrock%3Aus-east-1%3A1%3Ainference-profile%2Fus.claude/converse",
            "",
            ("chat", "arn:aws:bedrock:us-east-1:1:inference-profile/us.claude", False),
        ),
    ],
)
def test_a_path_that_names_its_model_wins_over_the_body(path, query, expected):
    assert called(path.encode(), query.encode()) == Called(*expected, is_model_sure=True)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/openai/deployments/my-gpt/chat/completions", Called("chat", "my-gpt")),
        ("/openai/deployments/my%20gpt/embeddings", Called("embedding", "my gpt")),
        ("/v1/engines/davinci/completions", Called("completion", "davinci")),
        ("/v1/models/meta/llama-3/predictions", Called("prediction", "meta/llama-3", is_stream=False)),
        ("/v1/deployments/acme/bot/predictions", Called("prediction", "acme/bot", is_stream=False)),
        ("/v1/predictions", Called("prediction", is_stream=False)),
    ],
)
def test_a_path_that_names_a_model_the_body_may_name_better(path, expected):
    assert called(path.encode(), b"") == expected


@given(st.binary(max_size=60), st.binary(max_size=20))
def test_no_path_breaks_it(path, query):
    assert isinstance(called(path, query), Called)
