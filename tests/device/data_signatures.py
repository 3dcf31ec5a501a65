"""Signatures by two test keys.

Written by tests/make_device_data.py; a change by hand will be lost.
"""

from binascii import a2b_base64 as _bytes

# What was signed.
SIGNED = _bytes("YXRzX3RydXN0IHRlc3QgbWVzc2FnZQ==")

# The key of EC_ROOT.
EC_POINT = _bytes(
    "BJEY3lM890KnbuZRE4LMd0jEpfBFp7WwkoQJNBczB0M3Oe+Ehg+2/y5HFFGkGxjvmZt20MOFwC54ttldlbxl4lU="
)

# ECDSA.
EC_SIGNATURE = _bytes(
    "MEQCICU+KKF9+Bf5c0w5UQS1veBLHfihuaCsRZNIh8cKJxT7AiAgeB4deNdGeitfLLyIF1Dn2XpTiggB0h7uEPpAiy"
    "I1hQ=="
)

# The key of RSA_ROOT; its exponent is 65537.
RSA_MODULUS = _bytes(
    "xEkWOJGYyts1jw/TrMbxUGEfz1eaanjd+OZeStFFyZu1PcELuE9GSjygRGeJLMD/mdtEPPz5rpzw4LuT0u03p2St9F"
    "wPUIp6pKVvYbQmqH8cNbJmr/71XZZfkGWbADYEosf8xm4gx/SyF9XCcsql81piTut9P/kW1/lfy33D5qN1FaLkzAlC"
    "gE8vDKWBeusO6WqusTrRqECNJjt9P/DTG9kKlPZnK8UvvrabU90qVIjoFxzrAoJe7YUq64kRB1+rZFhzrI6g+1Op+f"
    "bVWZE6BBss3Ty/03iMH8F5UyweT+7KeC4ieo+uG/mZ3iCvuVHTfIn80ilY2c++QM8VclUOiQ=="
)

# RSA, PKCS#1 v1.5.
RSA_SIGNATURE = _bytes(
    "uZflnkpwQqprto4nOehco78y7VBQ6wKqSHqSi4P1KejDAlnIvvVe3WxluWjmmGW7MX1LHPwITPNubQ2NV+9qbi6rzX"
    "bDEXeMsYpxtzS3b40oB2WjkNUDItO5k9CF8g+uD8u6WFIVlQ60QyTUXW2nKA3ERzWv2rLJVZAFT56yAECa9pFHAoyJ"
    "ypqeYrVhILl1HV0fNhd8IzGc7s79CHDr9c1DQeLW2ftcrUnWAms2IY0aUJ7TYiVaEfCq10U43J+03tXxrEd8fjJd3S"
    "0JD0AgPC06Qi7s1OOWpzIY6gsTB7xVP9OtYJveqggSfggKbVZPu/iIfLjTcTh08ZUh4NDeYg=="
)

# The same with SHA-384.
RSA_SHA384_SIGNATURE = _bytes(
    "iIKGgA0zzRsTx5P415kBM3/e2Mi6wIFb8vc/wx7ZEyoWx5yj8LG+DeuhLLyxtRRU0lCTgSqnmLBAgERavQB7KPkR3J"
    "jO0c/J+4fbhhocbBe7oYws0DZ4WN5thaYKHFg15GRHxyQkgDRQAEDd0/RVzvmnp0a3bZYXrb1i5WcRICnkMMkINyiZ"
    "kP//xtoI7IjKaFNvHkJOJU1KdKv7XEBWCM/590xIUi5F73mGkrGw7a/7bkgHK45nr9PAISTyoCyajHFSoPeBwnNVr7"
    "vE13VfVBJN7NET7ViXAOnhjAUqSoHBrS5TBHAKf3l0O/YxY2HCY7JEFLvyrNVGJXjbk6p+xg=="
)

# RSA, PSS.
RSA_PSS_SIGNATURE = _bytes(
    "w8jUlPqWVaTSz9392mVWBWv3rJG1SOfTUmdfY98RseigveTXYWiv4hz2BWUvTLKhMSTUXOLfhEAlBUyywhXy/fbmo2"
    "XlPTlXsnj+/c3WTf9tEnMhkO+DghgnaYT2KzRy8u0/hs33OHKhdzWR8fEJvUAqdKavO5P5ndCBDN6gjHYil/f8bUWg"
    "vDmL5Jiiztg8M6pY5RUV+FY8KtWLfSNFx602ZPP6ZkvbLUri8CfCdsOMGc5Tzf+Eiidj6wS/6LQRXEzzA1WhYYeVQp"
    "U0t2j3+agGI6/3jy4Gq3Vtr1oxY5d+bk1sMfUxDXWsn4aaQx3ltdkxaT4gZlh1+UWiN17UaQ=="
)
