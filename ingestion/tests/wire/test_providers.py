import pytest

from ingestion.wire.providers import canonical_provider


@pytest.mark.parametrize(
    ("canonical", "spellings"),
    [
        ("azure.ai.openai", "az.ai.openai azure azure_openai Azure azure.openai azure.ai.openai"),
        ("azure.ai.inference", "az.ai.inference azure.ai.inference"),
        (
            "gcp.vertex_ai",
            "vertex_ai vertexai google_vertex google.vertex.chat vertex.anthropic.messages gcp.vertex_ai",
        ),
        ("gcp.gemini", "gemini google google.generative-ai google_genai Google google-gla gcp.gemini"),
        ("gcp.gen_ai", "gcp.gen_ai"),
        ("x_ai", "xai x-ai xai.chat xai.responses x_ai"),
        ("mistral_ai", "mistral mistralai MistralAI mistral.chat mistral_ai"),
        ("aws.bedrock", "aws AWS bedrock amazon-bedrock bedrock_converse aws.bedrock"),
        ("ibm.watsonx.ai", "watsonx Watsonx ibm-watsonx-ai ibm.watsonx.ai"),
        ("openai", "openai.chat openai.responses openai.completion openai.embedding OpenAI openai"),
        ("anthropic", "anthropic.messages Anthropic anthropic"),
        ("moonshot_ai", "moonshot moonshot_ai"),
    ],
)
def test_spellings_become_canonical(canonical, spellings):
    assert {canonical_provider(spelling) for spelling in spellings.split()} == {canonical}


@pytest.mark.parametrize(
    "name",
    [
        "openrouter",
        "together",
        "together_ai",
        "fireworks",
        "ollama",
        "hugging_face",
        "cerebras",
        "replicate",
        "litellm",
        "groq",
        "cohere",
        "vllm",
    ],
)
def test_providers_without_a_standard_name_keep_their_own_in_lower_case(name):
    assert canonical_provider(name) == name
    assert canonical_provider(f" {name.upper()} ") == name


@pytest.mark.parametrize("name", ["langchain", "CrewAI", "llamaindex", "haystack", "strands-agents", "pydantic-ai"])
def test_frameworks_are_no_providers(name):
    assert canonical_provider(name) == ""
