"""The managed identity of an Azure VM or an Azure Arc server, through ``msal``.

Its service listens on the machine itself, on plain HTTP. Only the two addresses in ``network.IdentityServices`` are
called, and never through a proxy, whatever the settings or the environment say.

Sources: Microsoft, "How to use managed identities on an Azure VM to acquire an access token"; "Authenticate against
Azure resources with Azure Arc-enabled servers"; "Configure an application to trust a managed identity".
"""
