# For freezing the library into firmware: in the manifest of your board,
#     include("/path/to/this/checkout/manifest.py")
# Frozen code takes flash of the firmware and far less heap. What is no code (roots and remedies)
# stays in files: after `make dist`, `mpremote mip install dist/mip/data.json` copies them.
metadata(description="Server authentication for AWS IoT Core", version="0.1.0")
# 3: without line numbers, as `make dist` compiles it.
package("ats_trust", base_path="lib", opt=3)
